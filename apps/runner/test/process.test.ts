import { spawn, spawnSync } from 'node:child_process';
import { blake3Digest, formatHex, utf8 } from '@logline/canon-sign';
import { checkerOf, RunnerAdd, runnerUser } from '@logline/contracts';
import {
  eventually,
  RUNNER,
  runnerHpkeKey,
  startWorld,
  TENANT,
  testKey,
  testToken,
  TEST_ORIGIN,
  type World,
} from '@logline/testing';
import { formatVkey } from '@logline/tlog';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const request = fileURLToPath(new URL('../dist/request.js', import.meta.url));
const skipReason = existsSync(main) ? undefined : 'the runner is not built: npx tsc -b apps/runner';
if (skipReason !== undefined) console.warn(`skipped: ${skipReason}`);

// as compiled: class-validator needs the metadata that only tsc writes
describe.skipIf(skipReason !== undefined)('the process', { meta: { skipReason } }, () => {
  let world: World;
  let env: Record<string, string>;

  beforeAll(async () => {
    world = await startWorld({
      name: 'runner-process',
      postgres: false,
      runners: [{ tenant: TENANT, runner: RUNNER }],
    });
    const seed = formatHex(blake3Digest(utf8(`logline test hpke ${RUNNER}`)));
    env = {
      ...world.env('LOGLINE_RUNNER', runnerUser(TENANT, RUNNER), { key: `runner-${RUNNER}` }),
      LOGLINE_RUNNER_TENANT: TENANT,
      LOGLINE_RUNNER_RUNNER_ID: RUNNER,
      LOGLINE_RUNNER_ROOT_KEY: testKey('root').pub,
      LOGLINE_RUNNER_LOG_KEY: formatVkey(`${TEST_ORIGIN}/${TENANT}`, testKey('log').signer.publicKey),
      LOGLINE_RUNNER_HPKE_KEY_FILE: world.writeFile('hpke.json', JSON.stringify({ kid: 'hpke', seed })),
      LOGLINE_RUNNER_GATEWAY_URL: 'http://127.0.0.1:1',
      LOGLINE_RUNNER_API_TOKEN_FILE: world.writeFile('token', testToken().text),
      LOGLINE_RUNNER_ENGINE_SOCKET: '/nowhere/engine.sock',
      LOGLINE_RUNNER_PROVIDER: 'docker',
      LOGLINE_RUNNER_SECRETS_DIR: `/dev/shm/logline-runner-process-${process.pid}`,
      LOGLINE_RUNNER_JOURNAL_DIR: `${world.dir}/journal`,
      LOGLINE_RUNNER_LOG_LEVEL: 'info',
    };
  });
  afterAll(async () => world?.close());

  test('starts, says what is missing, and ends as asked', async () => {
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    await eventually(() => expect(output).toContain('"ready"'), { withinMs: 20_000 });
    const url = /"url":"(http:[^"]+)"/.exec(output)?.[1] ?? '';
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toMatch(/engine does not answer[\s\S]*registry\.runner\.add/);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('runner_reports_waiting 0');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  test.each([
    ['LOGLINE_RUNNER_TENANT', 'Not A Tenant'],
    ['LOGLINE_RUNNER_LOG_KEY', 'x'],
    ['LOGLINE_RUNNER_SURPRISE', '1'],
  ])('refuses to start with %s=%s, and names it', (key, value) => {
    const { status, stderr } = spawnSync(process.execPath, [main], {
      env: { ...env, [key]: value },
      encoding: 'utf8',
    });
    expect(status).toBe(78);
    expect(stderr).toContain(key);
  });

  test('refuses a secrets directory that is not in memory', () => {
    const { status, stdout } = spawnSync(process.execPath, [main], {
      env: { ...env, LOGLINE_RUNNER_SECRETS_DIR: `${world.dir}/secrets` },
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stdout).toContain('SECRETS_UNSAFE');
  });

  test('prints its request to be registered, with its public keys', async () => {
    const { stdout } = spawnSync(process.execPath, [request], { env, encoding: 'utf8' });
    const payload: unknown = JSON.parse(stdout);
    expect(checkerOf(RunnerAdd).faults(payload)).toEqual([]);
    expect(payload).toMatchObject({
      runner: RUNNER,
      pub: testKey(`runner-${RUNNER}`).pub,
      hpke_pub: (await runnerHpkeKey()).publicKey,
    });
  });
});
