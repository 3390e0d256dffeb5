import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually, signedSpan, SUBJECT, TENANT } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptAll, otherHalf, startGatewayWorld, type GatewayWorld } from './gateway-world.ts';
import { migrate } from './service-process.ts';

let world: GatewayWorld;
beforeAll(async () => {
  world = await startGatewayWorld({ WAIT_MS: '1000' });
});
afterAll(async () => {
  await world.close();
});

const { bytes } = signedSpan({ intent: 'deploy.stop', subject: SUBJECT });
const post = () => world.call('/v1/spans', { body: bytes });
const ready = () => world.call('/readyz');

describe('configuration', () => {
  const main = join(dirname(fileURLToPath(import.meta.url)), '../dist/main.js');
  const startWith = (env: Readonly<Record<string, string>>) => {
    const own = Object.fromEntries(
      Object.entries({ ...world.env, ...env }).filter(([, value]) => value !== ''),
    );
    return spawnSync(process.execPath, [main], { env: own, encoding: 'utf8', timeout: 20_000 });
  };
  it.each([
    ['AUTHORITIES', ''],
    ['AUTHORITIES', 'https://Gateway.test/'],
    ['OPERATOR_TOKEN_HASH', 'secret'],
    ['OPERATOR_KEYS', 'operator:ABC'],
    ['WAIT_MS', 'ten'],
    ['MAX_STREAMS', '0'],
    ['HTTP_PORT', '70000'],
    ['NATS_URL', 'http://127.0.0.1'],
    ['POSTGRES_URL_FILE', '/nowhere'],
    ['TYPO', '1'],
  ])('with %s=%j is refused by name', (key, value) => {
    const { status, stderr } = startWith({ [`LOGLINE_GATEWAY_${key}`]: value });
    expect([status, stderr]).toEqual([78, expect.stringContaining(`LOGLINE_GATEWAY_${key}`)]);
    if (value.length > 3) expect(stderr).not.toContain(value);
  });
});

it('migrating again changes nothing', async () => {
  await migrate('gateway', world.env);
  expect((await ready()).json()).toMatchObject({
    ready: true,
    checks: { nats: 'ok', postgresql: 'ok', views: 'ok' },
  });
});

it('without nats it is not ready, says 503 in time, and goes on when nats is back', async () => {
  await world.world.nats.stop();
  await eventually(async () => expect((await ready()).status).toBe(503));
  expect((await ready()).json().checks).toMatchObject({
    nats: expect.not.stringMatching(/^ok$/),
    postgresql: 'ok',
  });
  expect((await world.call('/healthz')).status).toBe(200);
  const started = Date.now();
  const replies = await Promise.all(Array.from({ length: 50 }, post));
  expect(Date.now() - started).toBeLessThan(15_000);
  for (const reply of replies) expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
  // what is stored can still be read
  expect((await world.call(`/v1/state/view?subject=urn:tenant:${TENANT}`)).status).toBe(200);
  await world.world.nats.start();
  const half = await otherHalf(world.nc, acceptAll);
  await eventually(async () => expect((await post()).status).toBe(200), { withinMs: 30_000 });
  expect((await ready()).status).toBe(200);
  await half.stop();
});

it('without postgresql it is not ready, says 503, and goes on when postgresql is back', async () => {
  await world.world.postgres.stop();
  expect((await ready()).json()).toMatchObject({ ready: false, checks: { nats: 'ok' } });
  await pause(1100); // longer than a token is remembered
  const replies = await Promise.all([
    post(),
    world.call('/v1/stream'),
    world.call('/v1/log/acme/checkpoint'),
  ]);
  for (const reply of replies) {
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '2']);
    expect(reply.text).not.toMatch(/postgres|ECONN|5432/i);
  }
  await world.world.postgres.start();
  await eventually(async () => expect((await ready()).status).toBe(200), { withinMs: 30_000 });
  expect((await world.call('/v1/log/acme/checkpoint')).status).toBe(200);
});

it('SIGTERM lets a request that waits for its ack have it, and takes no new ones', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let isAsked = false;
  const half = await otherHalf(world.nc, async (told) => {
    isAsked = true;
    await held;
    return acceptAll(told);
  });
  const waiting = post();
  await eventually(() => expect(isAsked).toBe(true));
  const stopped = world.gateway.stop();
  await eventually(async () => {
    const isRefused = await ready().then(
      ({ status }) => status === 503,
      () => true,
    );
    expect(isRefused).toBe(true);
  });
  release();
  expect((await waiting).status).toBe(200);
  expect(await stopped).toBe(0);
  await half.stop();
});
