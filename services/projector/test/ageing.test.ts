import { STREAMS } from '@logline/contracts';
import { callApi } from '@logline/jetstream';
import { query, type Pool } from '@logline/postgres';
import {
  buildService,
  eventually,
  migrateService,
  startService,
  startWorld,
  TestLog,
  untilAged,
  type ServiceProcess,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployStory, traffic } from './story.ts';
import { foldOf, readTables } from './tables.ts';

let world: World;
let nc: NatsConnection;
let pool: Pool;
let env: Readonly<Record<string, string>>;
let projector: ServiceProcess | undefined;

beforeAll(async () => {
  buildService('projector');
  world = await startWorld({ name: 'projector-ageing', factsMaxAgeMs: 1_500 });
  nc = await world.connect('test');
  pool = world.pool('views');
  env = {
    ...world.env('LOGLINE_PROJECTOR', 'projector', { role: 'views' }),
    LOGLINE_PROJECTOR_LOG_LEVEL: 'info',
  };
  migrateService('projector', env);
});
afterAll(async () => {
  await projector?.kill();
  await world?.close();
});

describe('a projector that is rebuilt from nothing when facts have aged', () => {
  it('says whose facts are missing, keeps no other log back, and has all views once they are republished', async () => {
    const old = new TestLog({ tenant: 'old' });
    const fresh = new TestLog({ tenant: 'fresh' });
    await old.commit(nc, await deployStory('old'));
    await untilAged(nc);
    const story = old.facts.length;
    projector = await startService('projector', env);
    await eventually(() =>
      expect(projector?.lines).toContainEqual(
        expect.objectContaining({
          firstSequence: story + 1,
          msg: expect.stringContaining('republish --again'),
        }),
      ),
    );
    await old.commit(nc, traffic('old', 2));
    await fresh.commit(nc, await deployStory('fresh'));
    await eventually(async () => expect(await readTables(pool)).toMatchObject(foldOf([fresh])));
    const fix = `facts 0 to ${story + 1} of old have not come`;
    await eventually(async () => expect((await projector?.readyz())?.state['stuck logs']).toContain(fix));
    expect((await projector.readyz()).ready).toBe(true);
    expect(await projector.metric('projector_stuck_logs')).toBe(1);
    const command = 'logline ledger republish --again --tenant old --from 0';
    expect(projector.lines).toContainEqual(
      expect.objectContaining({ level: 'error', msg: expect.stringContaining(command) }),
    );
    // no use to anybody there
    expect(await callApi(nc, `STREAM.INFO.${STREAMS.parked}`, undefined)).toMatchObject({
      state: { messages: 0 },
    });

    await old.republish(nc);
    await eventually(async () => expect(await readTables(pool)).toMatchObject(foldOf([old, fresh])));
    await eventually(async () => expect(await projector?.metric('projector_stuck_logs')).toBe(0));
    await old.commit(nc, traffic('old', 1, 2));
    await eventually(async () => expect(await readTables(pool)).toMatchObject(foldOf([old, fresh])));
  });

  it('starts again with all it has, and misses nothing, when everything has aged', async () => {
    await untilAged(nc);
    const before = await readTables(pool);
    await projector?.kill();
    await query(pool, 'update lease set until = clock_timestamp()');
    projector = await startService('projector', env);
    const next = new TestLog({ tenant: 'next' });
    await next.commit(nc, await deployStory('next'));
    await eventually(async () =>
      expect((await readTables(pool))['log']).toEqual([
        ...(before['log'] ?? []).slice(0, 1),
        expect.objectContaining({ tenant: 'next' }),
        ...(before['log'] ?? []).slice(1),
      ]),
    );
    expect(await projector.metric('projector_stuck_logs')).toBe(0);
  });
});
