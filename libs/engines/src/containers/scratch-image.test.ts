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
  it.each(['', '/abs', 'a/../b', '..', 'a//b', 'a\0b', 'x'.repeat(100)])('refuses the path %j', (path) => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION' });
    expect(() => toTar([{ path, mode: 0, bytes: bytes('') }])).toThrow(refusal);
  });
  it('refuses a link that does not fit its field', () => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION' });
    expect(() => toTar([{ path: 'l', linkTo: 'x'.repeat(101) }])).toThrow(refusal);
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
});
