import { describe, expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@logline/service';
import { readRunnerConfig } from './config.ts';

const FILE = fileURLToPath(import.meta.url);
const GOOD: Readonly<Record<string, string>> = {
  NATS_URL: 'nats://127.0.0.1:4222',
  NATS_USER: 'runner_acme_home',
  NATS_PASSWORD_FILE: FILE,
  HTTP_PORT: '0',
  TENANT: 'acme',
  RUNNER_ID: 'home',
  ROOT_KEY: 'ab'.repeat(32),
  LOG_KEY: 'logline.test/acme+01234567+AZ0XRuV8dhuHyHNNNXZCL1f7bjuPJPg5Bnf1DC/fYh7d',
  KEY_FILE: FILE,
  HPKE_KEY_FILE: FILE,
  GATEWAY_URL: 'http://127.0.0.1:8080',
  API_TOKEN_FILE: FILE,
  ENGINE_SOCKET: '/var/run/docker.sock',
  PROVIDER: 'docker',
  SECRETS_DIR: '/dev/shm/logline',
  JOURNAL_DIR: '/var/lib/logline/runner',
};

function read(changes: Readonly<Record<string, string | undefined>> = {}) {
  const env = Object.fromEntries(
    Object.entries({ ...GOOD, ...changes }).map(([key, value]) => [`LOGLINE_RUNNER_${key}`, value]),
  );
  return readRunnerConfig(env);
}

describe('the configuration of a runner', () => {
  test('is read with its defaults: nothing beyond the hardened default is allowed', () => {
    expect(read()).toMatchObject({ allowPrivileged: false, allowRootUser: false, provider: 'docker' });
    expect(read().allowCapAdd).toBeUndefined();
  });

  test('allows what is said in words', () => {
    expect(
      read({ ALLOW_PRIVILEGED: 'true', ALLOW_ROOT_USER: 'false', ALLOW_CAP_ADD: 'CHOWN,NET_ADMIN' }),
    ).toMatchObject({
      allowPrivileged: true,
      allowRootUser: false,
      allowCapAdd: 'CHOWN,NET_ADMIN',
    });
  });

  test.each(Object.keys(GOOD))('is refused without %s', (key) => {
    expect(() => read({ [key]: undefined })).toThrow(ConfigError);
  });

  test.each([
    ['TENANT', 'Acme'],
    ['RUNNER_ID', 'a b'],
    ['ROOT_KEY', 'root'],
    ['ROOT_KEY', 'AB'.repeat(32)],
    ['LOG_KEY', 'key'],
    ['KEY_FILE', '/nowhere'],
    ['GATEWAY_URL', 'ftp://x'],
    ['GATEWAY_URL', 'http://user@host'],
    ['ENGINE_SOCKET', 'docker.sock'],
    ['PROVIDER', 'railway'],
    ['SECRETS_DIR', 'x'],
    ['ALLOW_PRIVILEGED', 'yes'],
    ['ALLOW_ROOT_USER', '1'],
    ['ALLOW_CAP_ADD', 'chown'],
    ['NODE_NAME', 'a b'],
    ['UNKNOWN', 'x'],
  ])('is refused with %s=%j', (key, value) => {
    expect(() => read({ [key]: value })).toThrow(ConfigError);
  });
});
