import {
  HttpConfig,
  IsSecretFile,
  readConfig,
  readKeyFile,
  readSecretFile,
  ServiceConfig,
  ConfigError,
} from '@logline/service';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let dir: string;
let secret: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'logline-config-'));
  secret = file('password', 'hunter2\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string, mode: number = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const good = () => ({
  X_NATS_URL: 'nats://127.0.0.1:4222',
  X_NATS_USER: 'ledger',
  X_NATS_PASSWORD_FILE: secret,
  X_HTTP_PORT: '8080',
});
const refusal = (env: Record<string, string>): Record<string, string> => {
  try {
    readConfig('X', ServiceConfig, env);
  } catch (error) {
    if (error instanceof ConfigError)
      return Object.fromEntries(error.faults.map(({ key, expected }) => [key, expected]));
    throw error;
  }
  return {};
};

describe('readConfig', () => {
  it('reads what a service is told, with conversions and defaults as the class says', () => {
    const config = readConfig('X', ServiceConfig, {
      ...good(),
      PATH: '/bin',
      XX_OTHER: 'of another service',
    });
    expect(config).toEqual({
      natsUrl: 'nats://127.0.0.1:4222',
      natsUser: 'ledger',
      natsPasswordFile: secret,
      httpHost: '127.0.0.1',
      httpPort: 8080,
      logLevel: 'info',
    });
    expect(Object.isFrozen(config)).toBe(true);
  });
  it('takes several servers, and an empty value for one not set', () => {
    expect(
      readConfig('X', ServiceConfig, { ...good(), X_NATS_URL: 'nats://a:1,tls://b:2', X_LOG_LEVEL: '' }),
    ).toMatchObject({ natsUrl: 'nats://a:1,tls://b:2', logLevel: 'info' });
  });
  it('names every key that is missing', () => {
    expect(Object.keys(refusal({})).sort()).toEqual([
      'X_HTTP_PORT',
      'X_NATS_PASSWORD_FILE',
      'X_NATS_URL',
      'X_NATS_USER',
    ]);
  });
  it.each([
    ['X_NATS_URL', 'localhost'],
    ['X_NATS_URL', 'nats://user:secret@host:4222'],
    ['X_NATS_URL', 'http://host'],
    ['X_NATS_USER', 'no spaces please'],
    ['X_NATS_PASSWORD_FILE', '/does/not/exist'],
    ['X_NATS_PASSWORD_FILE', '/tmp'],
    ['X_HTTP_PORT', 'eighty'],
    ['X_HTTP_PORT', '65536'],
    ['X_HTTP_PORT', '-1'],
    ['X_HTTP_PORT', '8080.5'],
    ['X_HTTP_PORT', '0x50 '.repeat(2)],
    ['X_HTTP_HOST', 'a b'],
    ['X_LOG_LEVEL', 'loud'],
  ])('refuses %s=%s, and does not repeat the value', (key, value) => {
    const faults = refusal({ ...good(), [key]: value });
    expect(Object.keys(faults)).toEqual([key]);
    expect(faults[key]).not.toContain(value);
  });
  it('refuses a key it does not know under its prefix', () => {
    expect(refusal({ ...good(), X_NATS_URI: 'x', X___PROTO__: 'x', X_CONSTRUCTOR: 'x' })).toMatchObject({
      X_NATS_URI: 'is not a known key',
      X_CONSTRUCTOR: expect.any(String),
    });
  });
  it('refuses a class that has lost its decorators: a build without metadata checks nothing', () => {
    class Bare {
      httpPort = 0;
    }
    expect(() => readConfig('X', Bare, { X_HTTP_PORT: '1' })).toThrow(ConfigError);
    expect(() => readConfig('X', Bare, {})).toThrow(ConfigError);
  });
  it('lets a service add its own keys', () => {
    class LedgerConfig extends HttpConfig {
      readonly keyFile: string = '';
    }
    IsSecretFile()(LedgerConfig.prototype, 'keyFile');
    expect(readConfig('Y', LedgerConfig, { Y_HTTP_PORT: '1', Y_KEY_FILE: secret })).toMatchObject({
      httpPort: 1,
      keyFile: secret,
    });
    expect(() => readConfig('Y', LedgerConfig, { Y_HTTP_PORT: '1' })).toThrow(
      /Y_KEY_FILE must be the path of a file/,
    );
  });
});

describe('readSecretFile', () => {
  it('reads without white space at the ends', () => {
    expect(readSecretFile(secret)).toBe('hunter2');
  });
  it('warns about a file that others may read', () => {
    const warnings: string[] = [];
    readSecretFile(file('open', 'x', 0o644), (message) => void warnings.push(message));
    expect(warnings).toEqual([expect.stringContaining('chmod 600')]);
  });
  it.each([
    ['missing', () => join(dir, 'nothing')],
    ['empty', () => file('empty', ' \n')],
    ['a directory', () => dir],
  ])('refuses one that is %s', (_, path) => {
    expect(() => readSecretFile(path(), () => undefined)).toThrow(
      expect.objectContaining({ name: 'ConfigError', code: 'BAD_SECRET_FILE' }),
    );
  });
});

describe('readKeyFile', () => {
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'; // RFC 8032 §7.1, test 1
  it('gives the signer of the key', () => {
    const signer = readKeyFile(file('key', JSON.stringify({ kid: 'log', seed })));
    expect(signer.kid).toBe('log');
    expect(Buffer.from(signer.publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
  });
  it.each([0o644, 0o640, 0o604, 0o660])('refuses one with mode %o', (mode) => {
    expect(() => readKeyFile(file('wide', JSON.stringify({ kid: 'log', seed }), mode))).toThrow(
      expect.objectContaining({ code: 'BAD_KEY_FILE' }),
    );
  });
  it.each([
    ['nothing', ''],
    ['garbage', '\xff\x00'],
    ['an array', '[]'],
    ['a short seed', JSON.stringify({ kid: 'log', seed: seed.slice(2) })],
    ['an upper-case seed', JSON.stringify({ kid: 'log', seed: seed.toUpperCase() })],
    ['no kid', JSON.stringify({ seed })],
    ['a kid that is none', JSON.stringify({ kid: 'a b', seed })],
    ['a field too many', JSON.stringify({ kid: 'log', seed, pub: 'x' })],
    ['a key twice', `{"kid":"log","seed":"${seed}","seed":"${seed}"}`],
  ])('refuses %s, and never quotes it', (_, text) => {
    const error = caught(() => readKeyFile(file('bad', text)));
    expect(error).toMatchObject({ code: 'BAD_KEY_FILE' });
    const message = `${String(error)} ${error instanceof Error ? String(error.cause) : ''}`;
    expect(message.toLowerCase()).not.toContain(seed.slice(0, 16));
  });
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
