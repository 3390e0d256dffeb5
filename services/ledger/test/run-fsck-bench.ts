import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startWorld, TEST_ORIGIN, testKey } from '@logline/testing';
import { openAppendBench } from './append-bench.ts';
import { buildLedger, ledgerEnv, migrateLedger } from './ledger-process.ts';
import { seedLog } from './seed-log.ts';

// node --conditions=@logline/source services/ledger/test/run-fsck-bench.ts [entries] [spans per envelope]
// Fills a log through the append path, checks it by the chore as it is run, with one thread and with two, and prints one JSON line.
const [entries = 100_000, perEnvelope = 128] = process.argv.slice(2).map(Number);
const MAINTAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'maintain.js');

buildLedger();
const world = await startWorld({ name: 'fsck-bench' });
try {
  const env = ledgerEnv(world);
  migrateLedger(env);
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  const startMs = performance.now();
  await seedLog(bench, { tenant: 'acme', entries, perEnvelope });
  const seedSeconds = (performance.now() - startMs) / 1000;
  await bench.close();
  const fsck = (...args: readonly string[]): { seconds: number; commits: number; ok: boolean } =>
    JSON.parse(
      execFileSync(process.execPath, [MAINTAIN, 'fsck', ...args], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString(),
    );
  const runs = { none: fsck('--threads', '0'), one: fsck('--threads', '1'), two: fsck('--threads', '2') };
  console.log(
    JSON.stringify({
      entries,
      commits: runs.two.commits,
      ok: runs.two.ok,
      seedSeconds: Number(seedSeconds.toFixed(1)),
      fsckSeconds: { threads0: runs.none.seconds, threads1: runs.one.seconds, threads2: runs.two.seconds },
    }),
  );
} finally {
  await world.close();
}
process.exit(0);
