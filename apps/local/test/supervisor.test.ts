import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '@logline/testing';
import { readEnvFile, writeEnvFile, type EnvFile } from '../src/env-file.ts';
import { Secrets } from '../src/secrets.ts';
import { Supervisor } from '../src/supervisor.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'logline-local-'));
  await chmod(dir, 0o755);
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('the supervisor', () => {
  it('starts a killed process again, says so, and leaves none when it stops', async () => {
    const lines: string[] = [];
    let changes = 0;
    const supervisor = new Supervisor(
      (line) => lines.push(line),
      () => (changes += 1),
    );
    const sleeper = {
      name: 'sleeper',
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1000)'],
      logFile: join(dir, 'log'),
    };
    await supervisor.start(sleeper);
    const first = supervisor.pids()['sleeper'] ?? 0;
    process.kill(first, 'SIGKILL');
    await eventually(() => expect(supervisor.pids()['sleeper']).not.toBe(first), { withinMs: 5000 });
    expect(changes).toBe(1);
    expect(lines.join()).toMatch(/sleeper ended \(SIGKILL\)/);
    const second = supervisor.pids()['sleeper'] ?? 0;
    await supervisor.stop([['sleeper']]);
    expect(() => process.kill(second, 0)).toThrowError('ESRCH');
    expect(supervisor.isAlive('sleeper')).toBe(false);
  });
});

describe('secrets', () => {
  it('are made once, for their owner only', async () => {
    const secrets = new Secrets(join(dir, 'secrets'));
    const [one, other] = await Promise.all([secrets.key('log', 'log'), secrets.key('log', 'log')]);
    expect(one).toEqual(other);
    expect(await new Secrets(join(dir, 'secrets')).key('log', 'log')).toEqual(one);
    expect((await stat(secrets.path('log.key.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, 'secrets'))).mode & 0o777).toBe(0o700);
    expect(await secrets.password('a')).not.toBe(await secrets.password('b'));
  });
});

it('env.json is replaced whole, for its owner only', async () => {
  const path = join(dir, 'env.json');
  const env: EnvFile = {
    baseUrl: 'http://127.0.0.1:1',
    tenant: 'voulezvous',
    operatorKeyFile: '/o',
    walletFile: '/w',
    passphraseFile: '/p',
    natsUrl: 'nats://127.0.0.1:2',
    postgresUrl: 'postgres://x',
    logKey: 'k',
    processes: {},
  };
  await writeEnvFile(path, env);
  expect(await readEnvFile(path)).toEqual(env);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).toMatch(/\n$/);
  expect(await readEnvFile(join(dir, 'none.json'))).toBeNull();
});
