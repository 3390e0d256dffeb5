import { callApi, consumerConfigs } from '@logline/jetstream';
import { eventually, passwordOf, startWorld, type World } from '@logline/testing';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MIGRATE = join(ROOT, 'libs/jetstream/dist/migrate.js');

describe('dist/migrate.js', () => {
  let world: World;
  let keeper: ChildProcess | undefined;
  let env: Record<string, string>;
  beforeAll(async () => {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'libs/jetstream'], {
      cwd: ROOT,
    });
    world = await startWorld({ name: 'migrate', postgres: false, keepsStreams: false });
    env = {
      PATH: process.env['PATH'] ?? '',
      LOGLINE_MIGRATOR_NATS_URL: world.nats.url,
      LOGLINE_MIGRATOR_NATS_PASSWORD_FILE: world.writeFile(
        'migrator.password',
        `${passwordOf('migrator')}\n`,
      ),
    };
  });
  afterAll(async () => {
    keeper?.kill('SIGKILL');
    await world.close();
  });
  const run = (more: Record<string, string> = {}) =>
    spawnSync(process.execPath, [MIGRATE], { env: { ...env, ...more }, encoding: 'utf8' });

  it('makes what is missing, and says so', async () => {
    const nc = await world.connect('test');
    await callApi(nc, 'CONSUMER.DELETE.VERIFY.verifier', undefined);
    const { status, stdout } = run();
    expect([status, stdout]).toEqual([0, expect.stringContaining('streams are as wanted')]);
    await expect(callApi(nc, 'CONSUMER.INFO.VERIFY.verifier', undefined)).resolves.toMatchObject({
      name: 'verifier',
    });
  });
  it('lets facts age after as many days as it is told', async () => {
    const nc = await world.connect('test');
    const maxAge = async () => {
      const { config } = await callApi(nc, 'STREAM.INFO.FACTS', undefined);
      return (config as { max_age: number }).max_age / (24 * 3_600 * 1e9);
    };
    expect(run({ LOGLINE_MIGRATOR_FACTS_DAYS: '90' }).status).toBe(0);
    expect(await maxAge()).toBe(90);
    expect(run().status).toBe(0);
    expect(await maxAge()).toBe(30);
  });
  it('refuses an environment that is not enough', () => {
    expect(run({ LOGLINE_MIGRATOR_NATS_URL: '' }).status).toBe(2);
    expect(run({ LOGLINE_MIGRATOR_REPLICAS: '2' }).status).toBe(2);
    for (const days of ['-1', 'soon', '0.5'])
      expect(run({ LOGLINE_MIGRATOR_FACTS_DAYS: days }).status).toBe(2);
  });
  it('fails with another user, which may not', () => {
    const password = world.writeFile('gateway.password', passwordOf('gateway'));
    const { status, stderr } = run({
      LOGLINE_MIGRATOR_NATS_USER: 'gateway',
      LOGLINE_MIGRATOR_NATS_PASSWORD_FILE: password,
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('FORBIDDEN');
    expect(stderr).not.toContain(passwordOf('gateway'));
  });
  it('with --keep stays, and does it again when the server has come back', async () => {
    keeper = spawn(process.execPath, [MIGRATE, '--keep'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    keeper.stdout?.on('data', (data: Buffer) => void (output += data.toString()));
    await eventually(() => expect(output).toContain('watching'));
    await world.nats.kill();
    await world.nats.start();
    const nc = await world.connect('test');
    await eventually(async () => {
      for (const { stream, config } of consumerConfigs())
        await callApi(nc, `CONSUMER.INFO.${stream}.${config.durable_name}`, undefined);
    });
    keeper.kill('SIGTERM');
    await eventually(() => expect(keeper?.exitCode).toBe(0));
  });
});
