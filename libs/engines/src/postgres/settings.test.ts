import { describe, expect, it } from 'vitest';
import { toPostgresArgs, toPostgresUrl } from './settings.ts';

describe('toPostgresArgs', () => {
  it('keeps every commit and every listener on this machine', () => {
    const args = toPostgresArgs({ dataDir: '/d', port: 5433 });
    expect(args.slice(0, 4)).toEqual(['-D', '/d', '-p', '5433']);
    for (const setting of [
      'fsync=on',
      'synchronous_commit=on',
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
    ]) {
      expect(args).toContain(setting);
    }
  });
  it('lets the caller change a setting, but not who may connect', () => {
    const args = toPostgresArgs({
      dataDir: '/d',
      port: 1,
      settings: { max_connections: '7', listen_addresses: '*' },
    });
    expect(args).toContain('max_connections=7');
    expect(args).not.toContain('max_connections=100');
    expect(args).toContain('listen_addresses=127.0.0.1');
    expect(args).not.toContain('listen_addresses=*');
  });
  it.each(['', 'a b', 'x=y', '-c', '__proto__ ', 'FSYNC'])('refuses %j for a setting', (name) => {
    expect(() => toPostgresArgs({ dataDir: '/d', port: 1, settings: { [name]: 'x' } })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });
});

describe('toPostgresUrl', () => {
  it('survives any password', () => {
    const url = new URL(toPostgresUrl({ user: 'u@x', password: 'p/:@?#% ü', port: 5433 }));
    expect([decodeURIComponent(url.username), decodeURIComponent(url.password)]).toEqual([
      'u@x',
      'p/:@?#% ü',
    ]);
    expect([url.host, url.pathname]).toEqual(['127.0.0.1:5433', '/postgres']);
  });
});
