import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CONSUMERS, cosignedOf, GATE_BUCKET, runnerUser, STREAMS } from '@logline/contracts';
import { callApi, lastFactOf, readFactsStream } from '@logline/jetstream';
import {
  buildService,
  eventually,
  migrateService,
  passwordOf,
  startService,
  startWorld,
  testKey,
  type ServiceProcess,
  type World,
} from '@logline/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { takeBackup } from './backup.ts';
import { readFactsOf } from './facts-of.ts';
import { FakeGate } from './fake-gate.ts';
import {
  buildLedger,
  LEDGER_DIR,
  ledgerEnv,
  type LedgerProcess,
  migrateLedger,
  startLedger,
} from './ledger-process.ts';
import { createTenant, stopSpanOf } from './traffic.ts';

let world: World;
let env: Readonly<Record<string, string>>;
let ledger: LedgerProcess | undefined;
let projector: ServiceProcess | undefined;

beforeAll(async () => {
  buildLedger();
  buildService('projector');
  world = await startWorld({ name: 'ledger-put-back', runners: [{ tenant: 'acme', runner: 'home' }] });
  env = ledgerEnv(world);
  migrateLedger(env);
});
afterAll(async () => {
  await projector?.kill();
  await ledger?.kill();
  await world?.close();
});

let nth = 0;
async function append(gate: FakeGate, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const [ack] = await gate.submit([{ cause: stopSpanOf('acme', ++nth) }], { tenant: 'acme' });
    expect(ack).toMatchObject({ status: 'ok' });
  }
}

function run(script: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): string {
  return execFileSync(process.execPath, [script, ...args], {
    env: { ...process.env, ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString();
}

it('after a database was put back and adopted, the documented steps leave every reader with the log as it is', async () => {
  const maintain = join(LEDGER_DIR, 'dist', 'maintain.js');
  const nc = await world.connect('test');
  const gate = await FakeGate.open(world);
  ledger = await startLedger(env);
  await createTenant(gate, 'acme');
  await append(gate, 3);
  await ledger.stop();
  const backup = await takeBackup(world);
  ledger = await startLedger(env);
  await append(gate, 4);
  await eventually(async () => expect((await lastFactOf(nc, 'acme'))?.index).toBe(7));
  await ledger.kill();
  await backup.putBack();

  const projectorEnv = {
    ...world.env('LOGLINE_PROJECTOR', 'projector', { role: 'views' }),
    LOGLINE_PROJECTOR_LOG_LEVEL: 'info',
  };
  migrateService('projector', projectorEnv);
  projector = await startService('projector', projectorEnv);
  const views = world.pool('views');
  const size = async () => (await views.query<{ size: number }>('SELECT size FROM log')).rows[0]?.size;
  // what the log has lost is in the views, and would stay there
  await eventually(async () => expect(await size()).toBe(8));
  // and so would the checkpoint that witnesses cosigned
  const { rows } = await views.query<{ note: string }>('SELECT note FROM checkpoint WHERE size = 8');
  await nc.request(cosignedOf('acme'), rows[0]?.note);
  const cosigned = async () => (await views.query<{ size: number }>('SELECT size FROM cosigned')).rows;
  await eventually(async () => expect(await cosigned()).toEqual([{ size: 8 }]));

  // 1. nothing runs; 2. adopt
  await projector.stop();
  const { kid, seed } = testKey('operator');
  const operator = world.writeFile('operator.json', JSON.stringify({ kid, seed, token: 'x', services: [] }));
  const adopted = JSON.parse(run(maintain, ['adopt', '--i-know', '--operator-key-file', operator]));
  expect(adopted).toMatchObject({ adopted: true, unknown_facts: [{ tenant: 'acme', from: 4, to: 7 }] });
  // the old facts are in the way of whoever tries to do without the next step
  expect(() => run(maintain, ['republish', '--again'])).toThrow('docs/ageing.md');

  // 3. the stream and what was made of it
  await nc.request(`$KV.${GATE_BUCKET}.position`, '{"v":1,"sequence":8}');
  const password = world.writeFile('migrator.password', passwordOf('migrator'));
  const migrator = {
    LOGLINE_MIGRATOR_NATS_URL: world.nats.url,
    LOGLINE_MIGRATOR_NATS_PASSWORD_FILE: password,
  };
  const migrate = join(LEDGER_DIR, '..', '..', 'libs', 'jetstream', 'dist', 'migrate.js');
  for (const _ of ['once', 'and again']) run(migrate, ['--empty-facts'], migrator);
  expect(await readFactsStream(nc)).toMatchObject({ lastSequence: 0 });
  for (const stream of [`KV_${GATE_BUCKET}`, STREAMS.cosigned])
    expect(await callApi(nc, `STREAM.INFO.${stream}`, undefined)).toMatchObject({ state: { messages: 0 } });
  const durable = CONSUMERS.runner(runnerUser('acme', 'home'));
  expect(await callApi(nc, `CONSUMER.INFO.${STREAMS.facts}.${durable}`, undefined)).toMatchObject({
    config: { filter_subject: 'fact.*.*.acme.*', deliver_policy: 'all' },
  });
  // 4. the views
  const tables = await views.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'views' AND tablename NOT LIKE 'mikro_orm%'`,
  );
  await views.query(`TRUNCATE ${tables.rows.map(({ name }) => name).join(', ')}`);

  // 5. everything starts, the ledger first
  ledger = await startLedger(env);
  projector = await startService('projector', projectorEnv);
  await append(gate, 2);
  await eventually(async () => expect(await size()).toBe(7));
  const facts = await readFactsOf(nc, 'acme', 7);
  expect(facts.map(({ place }) => place.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  const viewsUrl = world.writeFile('views.url', world.postgresUrl('views'));
  expect(JSON.parse(run(maintain, ['fsck', '--facts', '--views', viewsUrl]))).toMatchObject({
    ok: true,
    faults: [],
    entries: 7,
  });
  expect(await cosigned()).toEqual([]);
});
