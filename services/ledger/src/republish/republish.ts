import { CONSUMERS } from '@logline/contracts';
import { connectNats, lastFactOf, publishFacts } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { holdPartition } from '../maintain/hold-partition.ts';
import { EXIT, parseArguments, Progress, report } from '../maintain/maintenance.ts';
import { fromStored } from '../publish/fact.ts';
import { type FillParts, fillFacts } from '../publish/fill-facts.ts';
import type { Sql } from '../storage/append-connection.ts';
import { loadPartition, loadPartitions, type StoredLog } from '../storage/load-logs.ts';
import { onPool } from '../storage/on-pool.ts';
import { readFacts } from '../storage/read-facts.ts';

const USAGE = 'republish [--tenant <tenant>] [--from <index>]';

/**
 * Facts in the stream again, from what is committed, when JetStream lost its disk or they have aged: of each log from behind its last fact that the stream
 * holds, so nothing is stored twice and running it again changes nothing. A leader does the same when it begins; this is for when none runs.
 */
export async function republish(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { values } = parseArguments(USAGE, {
    args: [...args],
    options: { tenant: { type: 'string' }, from: { type: 'string', default: '0' } },
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
      const of = await holdPartition(postgresUrl, CONSUMERS.ledger(partition), (signal) =>
        republishPartition(sql, {
          partition,
          tenant: values.tenant,
          from: Number(values.from),
          signal,
          lastPublished: async (tenant) => (await lastFactOf(nc, tenant))?.index ?? -1,
          publish: (messages) => publishFacts(nc, messages),
          readFacts: async ({ logId, tenant }, from, to) =>
            (await readFacts(sql, logId, from, to)).map((stored) => fromStored(stored, tenant)),
        }),
      );
      results.push(...of);
    }
    const published = results.reduce((sum, one) => sum + one.published, 0);
    const incomplete = results.filter(({ isComplete }) => !isComplete).map(({ tenant }) => tenant);
    report({
      ok: incomplete.length === 0,
      logs: results.length,
      published,
      ...(incomplete.length === 0
        ? {}
        : {
            incomplete,
            fix: 'the stream takes a fact it has just lost for a duplicate: run it again in two minutes',
          }),
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
  /** Log index of the tenant's last stored fact; −1 for none. */
  readonly lastPublished: (tenant: string) => Promise<number>;
};
type LogResult = { readonly tenant: string; readonly published: number; readonly isComplete: boolean };

async function republishPartition(sql: Sql, parts: RepublishParts): Promise<readonly LogResult[]> {
  const all = await loadPartition(sql, parts.partition);
  const logs = all.filter(({ tenant }) => (parts.tenant ?? tenant) === tenant);
  const results: LogResult[] = [];
  for (const log of logs) results.push(await republishLog(log, parts));
  return results;
}

async function republishLog(log: StoredLog, parts: RepublishParts): Promise<LogResult> {
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
}
