import { connectNats, nextFactOf, readFactsStream } from '@logline/jetstream';
import { openPool } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import {
  EARLIER_KEY,
  EXIT,
  parseArguments,
  Progress,
  report,
  threadsFor,
  trustedKeys,
} from '../maintain/maintenance.ts';
import { fromStored } from '../publish/fact.ts';
import { loadAllLogs } from '../storage/load-logs.ts';
import { onPool } from '../storage/on-pool.ts';
import { readFacts } from '../storage/read-facts.ts';
import { SnapshotConnection } from '../storage/snapshot-connection.ts';
import { checkDatabase, type LogFault } from './check-database.ts';
import type { LogReport } from './check-log.ts';
import { compareFacts } from './compare-facts.ts';

const USAGE =
  'fsck [--tenant <tenant>] [--thorough] [--views <file with the URL of the views>] [--facts] [--threads <n>] [--logs] [--earlier-key <64 hex>]…';

/**
 * Rebuilds everything that is stored from the entries alone, and names for each log the first index at which something is not as it was
 * committed. Reads one snapshot, so a ledger may append meanwhile. Exit code 0: all of it is as it was.
 */
export async function fsck(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { values } = parseArguments(USAGE, {
    args: [...args],
    options: {
      tenant: { type: 'string' },
      thorough: { type: 'boolean', default: false },
      views: { type: 'string' },
      facts: { type: 'boolean', default: false },
      threads: { type: 'string' },
      logs: { type: 'boolean', default: false },
      ...EARLIER_KEY,
    },
  });
  const publicKeys = trustedKeys(config, values['earlier-key']);
  const startMs = performance.now();
  const progress = new Progress('fsck');
  const postgresUrl = readSecretFile(config.postgresUrlFile);
  // before the log is looked at: what the projector stored by now, the log must have
  const views =
    values.views === undefined
      ? undefined
      : await SnapshotConnection.open(readSecretFile(values.views), 'ledger fsck');
  const { logs, faults: stored } = await checkDatabase({
    postgresUrl,
    origin: config.origin,
    publicKeys,
    tenants: values.tenant === undefined ? undefined : [values.tenant],
    threads: threadsFor(values.threads),
    thorough: values.thorough,
    progress: ({ entries, of }) => progress.say(entries, of, 'entries'),
    views,
  }).finally(() => views?.close());
  const faults = values.facts ? [...stored, ...(await factFaults(config, logs, stored))] : stored;
  if (values.tenant !== undefined && logs.length === 0)
    throw new LedgerError('USAGE', `there is no log of ${values.tenant}`);
  const sum = (of: 'size' | 'commits' | 'verified') => logs.reduce((total, log) => total + log[of], 0);
  report({
    ok: faults.length === 0,
    faults,
    entries: sum('size'),
    commits: sum('commits'),
    signatures_verified: sum('verified'),
    logs: values.logs ? logs : logs.length,
    seconds: Number(((performance.now() - startMs) / 1000).toFixed(2)),
  });
  return faults.length === 0 ? EXIT.done : EXIT.negative;
}

/** Of logs that have no other. */
async function factFaults(
  config: Readonly<LedgerConfig>,
  logs: readonly LogReport[],
  found: readonly LogFault[],
): Promise<readonly LogFault[]> {
  const nc = await connectNats({
    url: config.natsUrl,
    user: config.natsUser,
    password: readSecretFile(config.natsPasswordFile),
    name: 'ledger fsck',
  });
  const pool = openPool(readSecretFile(config.postgresUrlFile), { name: 'ledger fsck', max: 1 });
  try {
    const sql = onPool(pool);
    const faults: LogFault[] = [];
    for (const log of await loadAllLogs(sql)) {
      const isSound =
        logs.some(({ tenant }) => tenant === log.tenant) && found.every((one) => one.log !== log.tenant);
      if (!isSound) continue;
      const fault = await compareFacts(log, {
        nextFact: (tenant, sequence) => nextFactOf(nc, tenant, sequence),
        firstSequence: async () => (await readFactsStream(nc)).firstSequence,
        readFacts: async ({ logId, tenant }, from, to) =>
          (await readFacts(sql, logId, from, to)).map((one) => fromStored(one, tenant)),
      });
      if (fault !== undefined) faults.push({ log: log.tenant, ...fault });
    }
    return faults;
  } finally {
    await pool.end();
    await nc.close();
  }
}
