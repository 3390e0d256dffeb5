import { availableParallelism } from 'node:os';
import { readKeyFile, readSecretFile } from '@logline/service';
import type { LedgerConfig } from '../config.ts';
import { EXIT, parseArguments, Progress, report } from '../maintain/maintenance.ts';
import { checkDatabase } from './check-database.ts';

const USAGE = 'fsck [--tenant <tenant>] [--thorough] [--threads <n>] [--logs]';

/** What two threads and PostgreSQL leave idle on two cores is nothing; more threads than that only wait for it. */
const MOST_THREADS = 4;

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
      threads: { type: 'string' },
      logs: { type: 'boolean', default: false },
    },
  });
  const startMs = performance.now();
  const progress = new Progress('fsck');
  const { logs, faults } = await checkDatabase({
    postgresUrl: readSecretFile(config.postgresUrlFile),
    origin: config.origin,
    publicKey: readKeyFile(config.keyFile).publicKey,
    tenant: values.tenant,
    threads: Number(values.threads ?? Math.min(MOST_THREADS, availableParallelism())),
    thorough: values.thorough,
    progress: ({ entries, of }) => progress.say(entries, of, 'entries'),
  });
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
