import { describe, expect, it } from 'vitest';
import { pickDebianMirror } from './debian-package.ts';

describe('pickDebianMirror', () => {
  it('takes the mirror this machine uses', () => {
    const targets =
      'http://security.example/debian-security/|Debian|main\nhttp://mirror.example/pub/debian/|Debian|main\n';
    expect(pickDebianMirror(targets)).toBe('http://mirror.example/pub/debian');
  });
  it('takes it also before apt knows whose archive it is', () => {
    expect(pickDebianMirror('http://mirror.example/debian/||main')).toBe('http://mirror.example/debian');
  });
  it('takes the mirror list of a cloud image', () => {
    expect(pickDebianMirror('mirror+file:/etc/apt/mirrors/debian.list/|Debian|main')).toBe(
      'mirror+file:/etc/apt/mirrors/debian.list',
    );
  });
  it.each([
    '',
    'nonsense',
    'https://deb.nodesource.com/node_20.x/|. nodistro|main',
    'http://archive.example/ubuntu/|Ubuntu|main',
    'http://third.example/debian/|Somebody|main',
    'http://mirror.example/debian/|Debian|contrib',
    '/debian|Debian|main',
    'http://a b/debian|Debian|main',
  ])('finds none in %j', (targets) => {
    expect(pickDebianMirror(targets)).toBeNull();
  });
});
