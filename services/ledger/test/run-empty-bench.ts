import { startWorld, TEST_ORIGIN, testKey } from '@logline/testing';
import { openAppendBench } from './append-bench.ts';
import { ledgerEnv, migrateLedger } from './ledger-process.ts';
import { growLog, seedLog } from './seed-log.ts';

// node --conditions=@logline/source services/ledger/test/run-empty-bench.ts <entries>
// Receipts a second on a log that is all but empty, in a process, a PostgreSQL and a nats-server of their own: what the rate on a full log is measured against,
// right beside it. One number on stdout. The ledger must be built.
const entries = Number(process.argv[2]);
const TENANT = 'empty';
/** So that as much is compiled as in a process that has filled a log. */
const WARM_UP = 20_000;

const world = await startWorld({ name: 'empty-bench' });
try {
  migrateLedger(ledgerEnv(world));
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    nc: await world.connect('ledger'),
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  await seedLog(bench, { tenant: TENANT, entries: WARM_UP });
  const startMs = performance.now();
  await growLog(bench, { tenant: TENANT, entries });
  process.stdout.write(`${Math.round((entries * 1000) / (performance.now() - startMs))}\n`);
  await bench.close();
} finally {
  await world.close();
}
process.exit(0);
