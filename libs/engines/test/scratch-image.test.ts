import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { toImageArchive } from '../src/containers/scratch-image.ts';
import { toTar } from '../src/containers/tar.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C' };

describe('an archive of ours', () => {
  it('is read by tar', () => {
    const tar = toTar([
      { path: 'd', mode: 0o755, isDirectory: true },
      { path: 'd/f', mode: 0o640, bytes: bytes('x'.repeat(1000)) },
      { path: 'd/l', linkTo: 'f' },
    ]);
    expect(tar.length % 512).toBe(0);
    expect(execFileSync('tar', ['-tvf', '-'], { input: tar, encoding: 'utf8', env })).toMatch(
      /^drwxr-xr-x 0\/0 +0 1970-01-01 00:00 d\/\n-rw-r----- 0\/0 +1000 1970-01-01 00:00 d\/f\nl.* d\/l -> f\n$/,
    );
  });
  it('has the directories above each file once, before it', () => {
    const { archive } = toImageArchive('localhost/a:1', {
      entrypoint: ['/bin/app'],
      files: [
        { path: '/bin/app', mode: 0o755, bytes: bytes('program') },
        { path: '/bin/alias', linkTo: 'app' },
      ],
      directories: ['/run/secrets'],
    });
    const outer = execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n');
    expect(outer).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}\.json$/),
      expect.stringMatching(/layer\.tar$/),
      'manifest.json',
    ]);
    const layer = execFileSync('tar', ['-xOf', '-', outer[1] ?? ''], { input: archive });
    const files = execFileSync('tar', ['-tf', '-'], { input: layer, encoding: 'utf8' }).trim().split('\n');
    expect(files).toEqual(['run/', 'run/secrets/', 'bin/', 'bin/app', 'bin/alias']);
  });
});
