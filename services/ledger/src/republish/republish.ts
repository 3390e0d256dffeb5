import { randomBytes } from 'node:crypto';
import { CONSUMERS } from '@logline/contracts';
import { connectNats, type FactMessage, lastFactOf, publishFacts } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { holdPartition } from '../maintain/hold-partition.ts';
import { EXIT, parseArguments, Progress, report } from '../maintain/maintenance.ts';
import { type FactLog, fromStored } from '../publish/fact.ts';
import { type FillParts, fillFacts } from '../publish/fill-facts.ts';
import { lastPublishedIn } from '../publish/last-published.ts';
import type { Sql } from '../storage/append-connection.ts';
import { loadPartition, loadPartitions, type StoredLog } from '../storage/load-logs.ts';
import { onPool } from '../storage/on-pool.ts';
import { readFacts } from '../storage/read-facts.ts';
import { readSize } from '../storage/read-size.ts';
import { republishAgain } from './republish-again.ts';

const USAGE = 'republish [--again] [--tenant <tenant>] [--from <index>]';

/**
 * Facts in the stream, from what is committed. Without `--again` what it lacks of each log, from behind its last fact there, so that nothing is stored twice and
 * running it again changes nothing: a leader does the same when it begins, and this is for when none runs. With `--again` all of a log, or what is behind an index, once
 * more behind what is there, for readers who have not read what has aged: beside a ledger that runs.
 */
export async function republish(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { values } = parseArguments(USAGE, {
    args: [...args],
    options: {
      again: { type: 'boolean', default: false },
      tenant: { type: 'string' },
      from: { type: 'string', default: '0' },
    },
  });
  if (!/^[0-9]{1,15}$/.test(values.from))
    throw new LedgerError('USAGE', `--from is a log index\nusage: ${USAGE}`);
  const postgresUrl = readSecretFile(config.postgresUrlFile);
  const pool = openPool(postgresUrl, { name: 'ledger republish', max: 2 });
  const nc = await connectNats({
    url: config.natsUrl,
    user: config.natsUser,
    password: readSecretFile(config.natsPasswordFile),
    name: 'ledger republish',
  });
  const startMs = performance.now();
  try {
    const sql = onPool(pool);
    const partitions = await loadPartitions(sql, values.tenant);
    if (values.tenant !== undefined && partitions.length === 0)
      throw new LedgerError('USAGE', `there is no log of ${values.tenant}`);
    const results: LogResult[] = [];
    for (const partition of partitions) {
      const parts = {
        partition,
        tenant: values.tenant,
        from: Number(values.from),
        lastPublished: lastPublishedIn(nc, sql),
        lastStored: async (tenant: string) => (await lastFactOf(nc, tenant))?.index ?? -1,
        publish: (messages: readonly FactMessage[]) => publishFacts(nc, messages),
        readFacts: async ({ logId, tenant }: FactLog, from: number, to: number) =>
          (await readFacts(sql, logId, from, to)).map((stored) => fromStored(stored, tenant)),
      };
      const of = values.again
        ? await eachLog(sql, { ...parts, signal: new AbortController().signal }, again)
        : await holdPartition(postgresUrl, CONSUMERS.ledger(partition), (signal) =>
            eachLog(sql, { ...parts, signal }, fillUp),
          );
      results.push(...of);
    }
    const published = results.reduce((sum, one) => sum + one.published, 0);
    const incomplete = results.filter(({ isComplete }) => !isComplete).map(({ tenant }) => tenant);
    const fix = values.again
      ? 'the log grows as fast as it is republished: run it again when less is going on'
      : 'the stream takes a fact it has just lost for a duplicate: run it again in two minutes';
    report({
      ok: incomplete.length === 0,
      logs: results.length,
      published,
      ...(incomplete.length === 0 ? {} : { incomplete, fix }),
      seconds: Number(((performance.now() - startMs) / 1000).toFixed(2)),
    });
    return incomplete.length === 0 ? EXIT.done : EXIT.negative;
  } finally {
    await nc.close();
    await pool.end();
  }
}

type RepublishParts = FillParts & {
  readonly partition: number;
  readonly tenant: string | undefined;
  readonly from: number;
  readonly signal: AbortSignal;
  /** Log index of the tenant's last fact that is in the stream, or was and has aged; −1 for none. */
  readonly lastPublished: (tenant: string) => Promise<number>;
  /** Log index of the last one it holds; −1 for none. */
  readonly lastStored: (tenant: string) => Promise<number>;
};
type LogResult = { readonly tenant: string; readonly published: number; readonly isComplete: boolean };
type One = (sql: Sql, log: StoredLog, parts: RepublishParts) => Promise<LogResult>;

async function eachLog(sql: Sql, parts: RepublishParts, one: One): Promise<readonly LogResult[]> {
  const all = await loadPartition(sql, parts.partition);
  const logs = all.filter(({ tenant }) => (parts.tenant ?? tenant) === tenant);
  const results: LogResult[] = [];
  for (const log of logs) {
    await assertOurs(sql, log, parts);
    results.push(await one(sql, log, parts));
  }
  return results;
}

const fillUp: One = async (_, log, parts) => {
  const { tenant, size } = log;
  const first = Math.max((await parts.lastPublished(tenant)) + 1, parts.from);
  const progress = new Progress(`republish ${tenant}`);
  let published = 0;
  await fillFacts(parts, log, first, size, {
    signal: parts.signal,
    onStored: (facts) => progress.say((published += facts), Math.max(0, size - first), 'facts'),
  });
  const last = await parts.lastPublished(tenant);
  return { tenant, published, isComplete: last === size - 1 || parts.from >= size };
};

const again: One = async (sql, log, parts) => {
  const { tenant } = log;
  // never behind the first that has not gone out: a leader that looks where it stands must not take that for stored
  const first = Math.min(parts.from, (await parts.lastPublished(tenant)) + 1);
  const progress = new Progress(`republish ${tenant}`);
  let published = 0;
  const isComplete = await republishAgain(log, first, {
    ...parts,
    run: randomBytes(8).toString('hex'),
    sizeOf: ({ logId }) => readSize(sql, logId),
    onStored: (facts, size) => progress.say((published += facts), size - first, 'facts'),
  });
  return { tenant, published, isComplete };
};

/** Behind the facts of another database nobody would see what they are. */
async function assertOurs(
  sql: Sql,
  { tenant, logId }: StoredLog,
  { lastStored }: RepublishParts,
): Promise<void> {
  const last = await lastStored(tenant);
  const size = await readSize(sql, logId);
  if (last >= size)
    throw new LedgerError(
      'BEHIND_ANCHOR',
      `the stream holds fact ${last} of ${tenant}, whose log ends with ${size - 1}: this database was put back; see docs/ageing.md`,
    );
}
