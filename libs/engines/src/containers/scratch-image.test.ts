import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { toImageArchive } from './scratch-image.ts';
import { toTar } from './tar.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const options = {
  entrypoint: ['/bin/app'],
  files: [
    { path: '/bin/app', mode: 0o755, bytes: bytes('program') },
    { path: '/bin/alias', linkTo: 'app' },
  ],
  directories: ['/run/secrets'],
  architecture: 'amd64',
};

describe('toTar', () => {
  it('is read by others', () => {
    const tar = toTar([
      { path: 'd', mode: 0o755, isDirectory: true },
      { path: 'd/f', mode: 0o640, bytes: bytes('x'.repeat(1000)) },
      { path: 'd/l', linkTo: 'f' },
    ]);
    expect(tar.length % 512).toBe(0);
    const listing = execFileSync('tar', ['-tvf', '-'], { input: tar, encoding: 'utf8', env: { TZ: 'UTC', LC_ALL: 'C' } });
    expect(listing).toMatch(/^drwxr-xr-x 0\/0 +0 1970-01-01 00:00 d\/\n-rw-r----- 0\/0 +1000 1970-01-01 00:00 d\/f\nl.* d\/l -> f\n$/);
  });
  it.each(['', '/abs', 'a/../b', '..', 'a//b', 'a\0b', 'x'.repeat(100)])('refuses the path %j', (path) => {
    expect(() => toTar([{ path, mode: 0, bytes: bytes('') }])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

describe('toImageArchive', () => {
  it('is the same image for the same content', () => {
    expect(toImageArchive('localhost/a:1', options)).toEqual(toImageArchive('localhost/a:1', { ...options }));
  });
  it('is another image when a byte, the user or the entrypoint changes', () => {
    const ids = [
      options,
      { ...options, files: [{ path: '/bin/app', mode: 0o755, bytes: bytes('Program') }] },
      { ...options, user: '0:0' },
      { ...options, entrypoint: ['/bin/alias'] },
    ].map((changed) => toImageArchive('localhost/a:1', changed).imageId);
    expect(new Set(ids).size).toBe(4);
  });
  it('makes the directories above each file once, before it', () => {
    const { archive } = toImageArchive('localhost/a:1', options);
    const outer = execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n');
    expect(outer).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.json$/), expect.stringMatching(/layer\.tar$/), 'manifest.json']);
    const layer = execFileSync('tar', ['-xOf', '-', outer[1] ?? ''], { input: archive });
    const files = execFileSync('tar', ['-tf', '-'], { input: layer, encoding: 'utf8' }).trim().split('\n');
    expect(files).toEqual(['run/', 'run/secrets/', 'bin/', 'bin/app', 'bin/alias']);
  });
});
