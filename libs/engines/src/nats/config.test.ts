import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NatsConfigOptions } from './config.ts';
import { toNatsConfig } from './config.ts';

const user = { user: 'gateway', password: 'pw' };
const config = (options: Partial<NatsConfigOptions> = {}) =>
  toNatsConfig({ users: [user], port: 4222, storeDir: '/data', ...options });

describe('toNatsConfig', () => {
  it('listens on this machine only, without monitoring', () => {
    expect(config()).toContain('host: "127.0.0.1"\nport: 4222\n');
    expect(config()).not.toContain('http');
  });
  it('opens a monitoring port when asked, on this machine only', () => {
    expect(config({ monitorPort: 8222 })).toContain('http: "127.0.0.1:8222"');
  });
  it('syncs on every write when asked', () => {
    expect(config({ syncAlways: true })).toContain('sync_interval: always');
    expect(config()).toContain('sync_interval: "2m"');
  });
  it('writes what a user may publish and subscribe', () => {
    const permissions = {
      publish: { allow: ['submit.client', '$JS.API.>'], deny: ['fact.>'] },
      subscribe: { allow: ['_INBOX_gw.>'] },
      allowResponses: true,
    };
    expect(config({ users: [{ ...user, permissions }] })).toContain(
      '{ user: "gateway", password: "pw", permissions: { ' +
        'publish: { allow: ["submit.client", "$JS.API.>"], deny: ["fact.>"] }, ' +
        'subscribe: { allow: ["_INBOX_gw.>"] }, allow_responses: true } }',
    );
  });
  it('turns "may do nothing" into a denial, because the server takes an empty list for no rule', () => {
    expect(config({ users: [{ ...user, permissions: { publish: { allow: [] } } }] })).toContain(
      'publish: { deny: [">"] }',
    );
  });
  it('escapes what would end a string', () => {
    const text = config({ users: [{ user: 'a"b\\', password: '$x\n\t\r\0\x7f}' }], storeDir: '/a "b"/c' });
    expect(text).toContain(String.raw`user: "a\"b\\", password: "$x\n\t\r\x00\x7f}"`);
    expect(text).toContain(String.raw`store_dir: "/a \"b\"/c"`);
  });
  it('never lets a text out of its quotes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (password) => {
        const line = config({ users: [{ user: 'u', password }] })
          .split('\n')
          .find((l) => l.includes('password'));
        expect(line).toMatch(
          /^ {4}\{ user: "u", password: "(?:[^"\\\n\r\t\0]|\\[\\"nrt]|\\x[0-9a-f]{2})*" \}$/u,
        );
      }),
    );
  });
  it.each([
    ['no user at all', { users: [] }],
    ['a user without a name', { users: [{ user: '', password: 'x' }] }],
    ['a user without a password', { users: [{ user: 'x', password: '' }] }],
    ['a user twice', { users: [user, user] }],
    ['an empty subject', { users: [{ ...user, permissions: { publish: { allow: [''] } } }] }],
    ['a subject with a space', { users: [{ ...user, permissions: { subscribe: { deny: ['a b'] } } }] }],
    ['port 0', { port: 0 }],
    ['port 70000', { port: 70_000 }],
    ['port NaN', { port: Number.NaN }],
  ])('refuses %s', (_, options) => {
    expect(() => config(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
