import { readKeyFile, readSecretFile } from '@logline/service';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { EXIT, parseArguments, Progress, report, threadsFor } from '../maintain/maintenance.ts';
import { SnapshotConnection } from '../storage/snapshot-connection.ts';
import { checkDatabase } from './check-database.ts';

const USAGE =
  'fsck [--tenant <tenant>] [--thorough] [--views <file with the URL of the views>] [--threads <n>] [--logs]';

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
      threads: { type: 'string' },
      logs: { type: 'boolean', default: false },
    },
  });
  const startMs = performance.now();
  const progress = new Progress('fsck');
  const postgresUrl = readSecretFile(config.postgresUrlFile);
  // before the log is looked at: what the projector stored by now, the log must have
  const views =
    values.views === undefined
      ? undefined
      : await SnapshotConnection.open(readSecretFile(values.views), 'ledger fsck');
  const { logs, faults } = await checkDatabase({
    postgresUrl,
    origin: config.origin,
    publicKey: readKeyFile(config.keyFile).publicKey,
    tenants: values.tenant === undefined ? undefined : [values.tenant],
    threads: threadsFor(values.threads),
    thorough: values.thorough,
    progress: ({ entries, of }) => progress.say(entries, of, 'entries'),
    views,
  }).finally(() => views?.close());
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
