import {
  buildService,
  eventually,
  migrateService,
  type ServiceProcess,
  startService,
  startWorld,
  TEST_ORIGIN,
  testKey,
  type World,
} from '@logline/testing';
import type { Pool } from '@logline/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase, type LogFault } from '../src/check/check-database.ts';
import { SnapshotConnection } from '../src/storage/snapshot-connection.ts';
import { openAppendBench } from './append-bench.ts';
import { ledgerEnv, migrateLedger, buildLedger } from './ledger-process.ts';
import { seedLog } from './seed-log.ts';

const SIZE = 600;

let world: World;
let projector: ServiceProcess | undefined;
let views: Pool;

beforeAll(async () => {
  buildLedger();
  buildService('projector');
  world = await startWorld({ name: 'fsck-views' });
  migrateLedger(ledgerEnv(world));
  const env = {
    ...world.env('LOGLINE_PROJECTOR', 'projector', { role: 'views' }),
    LOGLINE_PROJECTOR_LOG_LEVEL: 'info',
  };
  migrateService('projector', env);
  projector = await startService('projector', env);
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    nc: await world.connect('ledger'),
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  await seedLog(bench, { tenant: 'acme', entries: SIZE, perEnvelope: 40 });
  views = world.pool('views');
  await eventually(
    async () => {
      const { rows } = await views.query<{ size: number }>('SELECT size FROM log');
      if (rows[0]?.size !== SIZE) throw new Error(`the projector is at ${rows[0]?.size} of ${SIZE}`);
    },
    { withinMs: 60_000 },
  );
  await bench.close();
  await projector.stop();
});

afterAll(async () => {
  await projector?.kill();
  await world?.close();
});

async function faults(): Promise<readonly LogFault[]> {
  const connection = await SnapshotConnection.open(world.postgresUrl('views'), 'test');
  const report = await checkDatabase({
    postgresUrl: world.postgresUrl('ledger'),
    origin: TEST_ORIGIN,
    publicKeys: [testKey('log').signer.publicKey],
    threads: 0,
    thorough: false,
    progress: () => undefined,
    views: connection,
  }).finally(() => connection.close());
  return report.faults;
}

describe('fsck of the views', () => {
  it('finds that the projector stored what the log says', async () => {
    expect(await faults()).toEqual([]);
  });

  it.each([
    ['bytes', `UPDATE span SET bytes = set_byte(bytes, 9, 1) WHERE idx = 300`, 300, 'views.span.bytes'],
    ['an intent', `UPDATE span SET intent = 'deploy.applied' WHERE idx = 7`, 7, 'views.span.intent'],
    ['a time', `UPDATE span SET log_time_ms = 1 WHERE idx = 599`, 599, 'views.span.log_time_ms'],
    [
      'a receipt signature',
      `UPDATE span SET receipt_signature = upper(receipt_signature) WHERE idx = 41`,
      41,
      'views.span.receipt_signature',
    ],
    ['a lost span', `DELETE FROM span WHERE idx = 256`, 256, 'views.span.idx'],
    ['a lost last span', `DELETE FROM span WHERE idx = 599`, 599, 'views.span.*'],
    ['a tile', `UPDATE tile SET hashes = set_byte(hashes, 5, 0) WHERE n = 1`, 256, 'views.tile.hashes'],
    ['a lost checkpoint', `DELETE FROM checkpoint WHERE size = ${SIZE}`, SIZE - 1, 'views.checkpoint.*'],
    ['more than the log has', `UPDATE log SET size = size + 1`, SIZE, 'views.log.size'],
  ])('names %s', async (_, sql, index, column) => {
    for (const table of ['span', 'tile', 'checkpoint', 'log'])
      await views.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
    try {
      await views.query(sql);
      expect(await faults()).toMatchObject([{ log: 'acme', index, column }]);
    } finally {
      for (const table of ['span', 'tile', 'checkpoint', 'log']) {
        await views.query(`TRUNCATE ${table}; INSERT INTO ${table} SELECT * FROM kept_${table}`);
        await views.query(`DROP TABLE kept_${table}`);
      }
    }
  });

  it('lets it lag behind', async () => {
    await views.query('UPDATE log SET size = 100');
    try {
      expect(await faults()).toEqual([]);
    } finally {
      await views.query(`UPDATE log SET size = ${SIZE}`);
    }
  });
});
