import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { acceptPartition, CONSUMERS, FIRST_PARTITION } from '@logline/contracts';
import { publishFacts, Publisher, type FactMessage } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { eventually, startWorld, TEST_ORIGIN, testKey, type World } from '@logline/testing';
import { benchEnvelope, openAppendBench, type AppendBench } from './append-bench.ts';
import { buildLedger, ledgerEnv, migrateLedger, startLedger } from './ledger-process.ts';
import { growLog, seedLog, seedSpan } from './seed-log.ts';

// node --conditions=@logline/source services/ledger/test/run-scale-bench.ts [entries] [tenants]
// The ledger alone: how fast on an empty log and on one of so many entries, how long fsck takes, what a process that leads them all needs of memory, and
// the raw limits of the same PostgreSQL and the same stream. Progress on stderr, one JSON line on stdout.
const [entries = 1_000_000, tenants = 1_000] = process.argv.slice(2).map(Number);
/** Half of the entries are in one log, the others share the rest. */
const LARGE = 'large';
/** Appended at a time, for each figure. */
const SAMPLE = Math.min(40_000, Math.max(5_000, Math.floor(entries / 5)));
/** How long it has nothing to do before its memory is looked at. */
const SETTLE_MS = 10_000;
const EMPTY_BENCH = join(dirname(fileURLToPath(import.meta.url)), 'run-empty-bench.ts');
const MAINTAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'maintain.js');
const say = (line: string): void => void process.stderr.write(`${line}\n`);

buildLedger();
const world = await startWorld({ name: 'scale-bench' });
try {
  const env = ledgerEnv(world);
  migrateLedger(env);
  const limits = {
    pg_insert_per_s: await measureInserts(world),
    jetstream_publish_per_s: await measurePublish(world),
  };
  say(
    `limits: ${limits.pg_insert_per_s} rows/s inserted, ${limits.jetstream_publish_per_s} messages/s published`,
  );
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    nc: await world.connect('ledger'),
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  await seedLog(bench, { tenant: LARGE, entries: 2_000 }); // compiles everything
  const whenEmpty = await measureAppend(bench, LARGE);
  say(`${whenEmpty} receipts/s at ${2_000 + SAMPLE} entries`);
  await fill(bench);
  // machines change within minutes: what it is compared with is measured right before and right after
  await atRest(bench);
  const emptyBefore = await measureEmpty();
  const whenFull = await measureAppend(bench, LARGE);
  await atRest(bench);
  const emptyAfter = await measureEmpty();
  const ratio = (2 * whenFull) / (emptyBefore + emptyAfter);
  say(`${whenFull} receipts/s at ${entries} entries, ${ratio.toFixed(2)} of an empty log beside it`);
  await bench.close();
  const fsck = JSON.parse(
    execFileSync(process.execPath, [MAINTAIN, 'fsck', '--threads', '2'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString(),
  ) as { readonly ok: boolean; readonly entries: number; readonly seconds: number }; // our own chore wrote it
  if (!fsck.ok) throw new Error('fsck found faults in a log that was only appended to');
  say(`fsck of ${fsck.entries} entries: ${fsck.seconds} s`);
  const { peakMb, settledMb } = await measureMemory(world, env);
  say(
    `a ledger that leads ${tenants} logs: ${peakMb} MB at its peak, ${settledMb} MB when it has nothing to do`,
  );
  process.stdout.write(
    `${JSON.stringify({ limits, whenEmpty, whenFull, emptyBefore, emptyAfter, ratio, fsckSeconds: fsck.seconds, entries: fsck.entries, tenants, rssMb: peakMb, settledRssMb: settledMb })}\n`,
  );
} finally {
  await world.close();
}
process.exit(0);

/** Receipts a second: envelope bytes in, ack bytes out, PostgreSQL with fsync and FACTS real. */
async function measureAppend(bench: AppendBench, tenant: string): Promise<number> {
  const startMs = performance.now();
  await growLog(bench, { tenant, entries: SAMPLE });
  return Math.round((SAMPLE * 1000) / (performance.now() - startMs));
}

/** The same on a log that is all but empty, in a process of its own. */
async function measureEmpty(): Promise<number> {
  const args = [...process.execArgv, EMPTY_BENCH, String(SAMPLE)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout.trim().split('\n').at(-1));
}

/** What the full log's PostgreSQL still has to do must not slow down what runs beside it. */
async function atRest(bench: AppendBench): Promise<void> {
  await bench.drained();
  const pool = openPool(world.postgres.adminUrl, { name: 'scale bench', max: 1 });
  await pool.query('CHECKPOINT');
  await until(async () => {
    const workers = await pool.query(
      `SELECT 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'`,
    );
    return workers.rowCount === 0;
  });
  await pool.end();
}

async function fill(bench: AppendBench): Promise<void> {
  const perTenant = Math.floor(entries / 2 / Math.max(1, tenants - 1));
  const startMs = performance.now();
  for (let nth = 1; nth < tenants; nth++) {
    await seedLog(bench, { tenant: `small-${nth}`, entries: perTenant });
    if (nth % 100 === 0)
      say(`${nth} of ${tenants} tenants, ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  }
  for (let size = 2_000 + SAMPLE; size < entries / 2 - SAMPLE; size += 50_000) {
    await growLog(bench, { tenant: LARGE, entries: Math.min(50_000, entries / 2 - SAMPLE - size) });
    say(`${size} entries in the large log, ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  }
}

/** Resident memory of the service, as it runs in production, once every tenant has been appended to twice: the most it ever was, and what it is a while later. */
async function measureMemory(
  place: World,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly peakMb: number; readonly settledMb: number }> {
  // the anchor was set by a leader of another lease: this one comes after it
  await place
    .pool('ledger')
    .query(
      `INSERT INTO lease (name, epoch, holder, until) VALUES ($1, 1000, 'bench', now()) ON CONFLICT (name) DO UPDATE SET epoch = 1000`,
      [CONSUMERS.ledger(FIRST_PARTITION)],
    );
  const ledger = await startLedger(env);
  try {
    await until(() => ledger.lines.some(({ msg }) => msg === 'leading'));
    const gate = new Publisher(await place.connect('tdln-gate'));
    const sizeOfAll = async (): Promise<number> => {
      const { rows } = await place
        .pool('ledger')
        .query<{ total: string }>('SELECT sum(size) AS total FROM log');
      return Number(rows[0]?.total);
    };
    const wanted = (await sizeOfAll()) + 2 * (tenants - 1);
    for (let round = 0; round < 2; round++) {
      for (let nth = 1; nth < tenants; nth++) {
        const tenant = `small-${nth}`;
        const envelope = benchEnvelope(tenant, [seedSpan(tenant, nth, 10)]);
        await gate.publish(acceptPartition(FIRST_PARTITION), envelope);
      }
    }
    await until(async () => (await sizeOfAll()) === wanted && (await isIdle(ledger.url)));
    await setTimeout(SETTLE_MS);
    const status = await readFile(`/proc/${ledger.pid}/status`, 'utf8');
    const mb = (line: string): number =>
      Math.round(Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024);
    return { peakMb: mb('VmHWM'), settledMb: mb('VmRSS') };
  } finally {
    await ledger.stop();
  }
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const look = async (): Promise<void> => {
    if (!(await check())) throw new Error('it is not so after two minutes');
  };
  await eventually(look, { withinMs: 120_000 });
}

async function isIdle(url: string): Promise<boolean> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string): number =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(metrics)?.[1] ?? Number.NaN);
  return value('ledger_waiting_envelopes') === 0 && value('ledger_facts_backlog') === 0;
}

/** Rows a second into a table like the log's, in batches like the log's, with fsync: no ledger on this PostgreSQL can be faster. */
async function measureInserts(place: World): Promise<number> {
  const pool = place.pool('orchestrator');
  await pool.query(
    'CREATE TABLE bench_rows (log_id int, idx bigint, this uuid, bytes bytea, PRIMARY KEY (log_id, idx), UNIQUE (log_id, this))',
  );
  await pool.query('ALTER TABLE bench_rows ALTER COLUMN bytes SET STORAGE EXTERNAL');
  const rows = 1_000;
  const bytes = randomBytes(600 * rows);
  const insert = `INSERT INTO bench_rows SELECT 1, $1::bigint + n, gen_random_uuid(), substring($2::bytea FROM n * 600 + 1 FOR 600) FROM generate_series(0, ${rows - 1}) AS n`;
  let done = 0;
  const startMs = performance.now();
  while (performance.now() - startMs < 3_000) {
    await pool.query(insert, [done, bytes]);
    done += rows;
  }
  const perSecond = Math.round((done * 1000) / (performance.now() - startMs));
  await pool.query('DROP TABLE bench_rows');
  return perSecond;
}

/** Messages a second into FACTS, in the order they are given: what all facts must pass through. */
async function measurePublish(place: World): Promise<number> {
  const nc = await place.connect('ledger');
  const body = randomBytes(600);
  let done = 0;
  const startMs = performance.now();
  while (performance.now() - startMs < 3_000) {
    const unit = Array.from({ length: 256 }, (_, nth): FactMessage => ({
      subject: 'fact.run_state.running.bench-limits.web',
      body,
      headers: () => [],
      msgId: `bench-limits:${done + nth}`,
    }));
    await publishFacts(nc, unit);
    done += unit.length;
  }
  return Math.round((done * 1000) / (performance.now() - startMs));
}
