import { STREAMS } from '@logline/contracts';
import { callApi, PARKED_HEADERS, publishFacts, toFactMessage } from '@logline/jetstream';
import { listen, query, type Pool } from '@logline/postgres';
import {
  buildService,
  eventually,
  migrateService,
  startService,
  startWorld,
  TestLog,
  type ServiceProcess,
  type World,
} from '@logline/testing';
import { headers, MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deployStory, traffic } from './story.ts';
import { foldOf, readTables } from './tables.ts';

let world: World;
let nc: NatsConnection;
let pool: Pool;
let env: Readonly<Record<string, string>>;
let running: ServiceProcess[] = [];
/** Every log of this file: the views hold all of them. */
const logs: TestLog[] = [];

beforeAll(async () => {
  buildService('projector');
  world = await startWorld({ name: 'projector' });
  nc = await world.connect('test');
  pool = world.pool('views');
  env = {
    ...world.env('LOGLINE_PROJECTOR', 'projector', { role: 'views' }),
    LOGLINE_PROJECTOR_LOG_LEVEL: 'info',
  };
  migrateService('projector', env);
});
afterAll(() => world.close());
afterEach(async () => {
  await Promise.all(running.map((one) => one.kill()));
  running = [];
  await query(pool, 'update lease set until = clock_timestamp()');
});

async function start(): Promise<ServiceProcess> {
  const one = await startService('projector', env);
  running.push(one);
  return one;
}

function newLog(tenant: string): TestLog {
  const log = new TestLog({ tenant });
  logs.push(log);
  return log;
}

async function untilProjected(withinMs: number = 20_000): Promise<void> {
  await eventually(
    async () => {
      const rows = await query<{ tenant: string; size: number }>(pool, 'select tenant, size from log');
      const sizes = new Map(rows.map(({ tenant, size }) => [tenant, size]));
      for (const { tenant, facts } of logs)
        expect([tenant, sizes.get(tenant)]).toEqual([tenant, facts.length]);
    },
    { withinMs },
  );
}

async function totalSize(): Promise<number> {
  const [row] = await query<{ total: number }>(
    pool,
    'select coalesce(sum(size), 0)::bigint as total from log',
  );
  return row?.total ?? 0;
}

async function parkedReasons(): Promise<readonly string[]> {
  const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.parked}`, undefined)) as {
    state: { messages: number; first_seq: number; last_seq: number };
  };
  const reasons: string[] = [];
  if (state.messages === 0) return reasons;
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const { message } = (await callApi(nc, `STREAM.MSG.GET.${STREAMS.parked}`, { seq })) as {
      message: { hdrs: string };
    };
    reasons.push(MsgHdrsImpl.decode(Buffer.from(message.hdrs, 'base64')).get(PARKED_HEADERS.reason));
  }
  return reasons;
}

describe('the projector', () => {
  it('makes the views the fold of the log, and tells whoever listens how far they are', async () => {
    const told: string[] = [];
    const listening = await listen(world.postgresUrl('views'), 'views_moved', (payload) =>
      told.push(payload),
    );
    const projector = await start();
    const log = newLog('acme');
    for (const span of await deployStory('acme')) await log.commit(nc, [span]);
    await untilProjected();
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
    expect(await readTables(pool)).toMatchObject({
      key: [
        { kid: 'deploy-orchestrator', role: 'service', status: 'active' },
        { kid: 'root', role: 'client', status: 'active', scopes: ['*'] },
        { kid: 'runner-home', role: 'runner', status: 'active' },
        { kid: 'second', role: 'client', status: 'revoked' },
        { kid: 'tdln-gate', role: 'service' },
        { kid: 'wallet-verifier', role: 'service' },
      ],
      token: [{ token_id: 'tok1', status: 'active', exp_ms: null }],
    });
    await eventually(() => expect(told.at(-1)).toBe('acme:14'));
    expect(await projector.readyz()).toMatchObject({
      ready: true,
      state: { role: expect.stringContaining('leader'), 'stuck logs': 'none' },
    });
    expect(await projector.metric('projector_behind_facts')).toBe(0);
    expect(await projector.metric('projector_facts_total')).toBe(15);
    await listening.close();
    expect(await projector.stop()).toBe(0);
  });

  it('projects nothing twice when facts are delivered or published again', async () => {
    await start();
    const before = await readTables(pool);
    const [acme] = logs;
    // other message ids: the server's duplicate window does not help
    await publishFacts(
      nc,
      (acme?.facts ?? []).map(({ message }) => ({ ...message, msgId: `again:${message.msgId}` })),
    );
    await acme?.commit(nc, traffic('acme', 1));
    await untilProjected();
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
    expect((await readTables(pool))['span']).toHaveLength((before['span']?.length ?? 0) + 1);
  });

  it('converges to the fold of the log however often it is killed in the middle of a stream', async () => {
    const tenants = ['kill-a', 'kill-b', 'kill-c'].map(newLog);
    for (let kills = 0; kills < 6; kills++) {
      const from = await totalSize();
      const publishing = Promise.all(
        tenants.map(async (log) => {
          for (let n = 0; n < 4; n++) await log.commit(nc, traffic(log.tenant, 50, log.facts.length));
        }),
      );
      const projector = await start();
      await eventually(async () => expect(await totalSize()).toBeGreaterThan(from));
      await projector.kill();
      await query(pool, 'update lease set until = clock_timestamp()');
      await publishing;
    }
    await start();
    await untilProjected();
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
  });

  it('goes on where it was when nats-server or PostgreSQL are killed in the middle', async () => {
    const projector = await start();
    const log = newLog('restart');
    const publishing = (async () => {
      for (let n = 0; n < 30; n++) {
        for (let isOut = false; !isOut;) {
          const facts =
            log.facts.length > n * 40 ? log.facts.slice(n * 40) : log.append(traffic('restart', 40, n * 40));
          isOut = await publishFacts(
            nc,
            facts.map(({ message }) => message),
          ).then(
            () => true,
            () => false,
          );
        }
      }
    })();
    await world.nats.kill();
    await world.nats.start();
    await world.postgres.kill();
    await world.postgres.start();
    await world.nats.restart();
    await publishing;
    await untilProjected(40_000);
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
    await eventually(async () => expect(await projector.readyz()).toMatchObject({ ready: true }));
    expect(await parkedReasons()).toEqual([]);
  });

  it('rebuilds equal views from nothing', async () => {
    const before = await readTables(pool);
    await query(
      pool,
      'truncate log, span, checkpoint, tile, subject_state, signing_key, api_token, cursor, lease',
    );
    await start();
    await untilProjected();
    expect(await readTables(pool)).toEqual(before);
  });

  it('lets one lead, and another one at once when that one leaves', async () => {
    const first = await start();
    await eventually(async () => expect((await first.readyz()).state['role']).toContain('leader'));
    const second = await start();
    expect(await second.readyz()).toMatchObject({ ready: true, state: { role: 'standby' } });
    const log = newLog('lead');
    await log.commit(nc, traffic('lead', 50));
    await untilProjected();
    expect(await second.metric('projector_facts_total')).toBeUndefined();
    expect(await first.stop()).toBe(0);
    await log.commit(nc, traffic('lead', 50, 50));
    await untilProjected();
    expect((await second.readyz()).state['role']).toContain('leader');
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
  });

  it('parks a fact that is garbage and leaves aside what waits behind it in its log; other logs go on', async () => {
    const good = newLog('good');
    const bad = newLog('bad');
    const projector = await start();
    const facts = bad.append(traffic('bad', 6));
    bad.facts.length = 2; // as far as the views can come
    const spoilt = facts.map(({ span, place, message }) =>
      place.index === 2 ? toFactMessage(span, Buffer.from('garbage'), place) : message,
    );
    await publishFacts(nc, spoilt.slice(0, 3));
    await good.commit(nc, traffic('good', 100));
    await publishFacts(nc, spoilt.slice(3));
    await nc.request('fact.deploy.planned.nobody.web', 'no headers at all');
    const lying = headers();
    for (const [name, value] of facts[0]?.message.headers() ?? []) lying.set(name, value);
    lying.set('Logline-Index', '-1');
    await nc.request('fact.deploy.planned.nobody.web', '{}', { headers: lying, timeout: 5_000 });
    await good.commit(nc, traffic('good', 100, 100));
    await untilProjected();
    await eventually(async () =>
      expect(await parkedReasons()).toEqual([
        'BAD_FACT: fact 2 of bad is not JSON',
        expect.stringContaining('BAD_HEADERS'),
        expect.stringContaining('BAD_HEADERS'),
      ]),
    );
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
    expect(await projector.metric('projector_stuck_logs')).toBe(1);
    expect(await projector.metric('projector_parked_total')).toBe(3);
    expect(await projector.readyz()).toMatchObject({
      ready: true,
      state: { 'stuck logs': expect.stringContaining('facts 2 to 5 of bad have not come') },
    });

    // the real facts once more, as a republish by the ledger would send them
    bad.facts.push(...facts.slice(2));
    await publishFacts(
      nc,
      facts.map(({ message }) => ({ ...message, msgId: `republished:${message.msgId}` })),
    );
    await untilProjected();
    expect(await readTables(pool)).toMatchObject(foldOf(logs));
    expect(await projector.metric('projector_stuck_logs')).toBe(0);
  });

  it('refuses a configuration that is missing, wrong or unknown, naming each key', async () => {
    const garbage = {
      ...env,
      LOGLINE_PROJECTOR_POSTGRES_URL_FILE: '/nowhere',
      LOGLINE_PROJECTOR_NATS_URL: 'http://x',
      LOGLINE_PROJECTOR_HTTP_PORT: 'eighty',
      LOGLINE_PROJECTOR_NATS_USER: '',
      LOGLINE_PROJECTOR_SHOE_SIZE: '43',
    };
    const failure = await startService('projector', garbage).then(
      () => '',
      (error: Error) => error.message,
    );
    for (const key of ['POSTGRES_URL_FILE', 'NATS_URL', 'HTTP_PORT', 'NATS_USER', 'SHOE_SIZE'])
      expect(failure).toContain(`LOGLINE_PROJECTOR_${key}`);
  });
});
