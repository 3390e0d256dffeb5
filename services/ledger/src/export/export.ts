import { resolve, join } from 'node:path';
import { readSecretFile } from '@logline/service';
import { checkSnapshot } from '../check/check-database.ts';
import { PageWorkers } from '../check/page-workers.ts';
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
import { loadAllLogs } from '../storage/load-logs.ts';
import { SnapshotConnection } from '../storage/snapshot-connection.ts';
import { exportLog } from './export-log.ts';

const USAGE = 'export <folder> [--tenant <tenant>] [--earlier-key <64 hex>]…';

/**
 * Every log, or one, as a folder of static files below `<folder>/<tenant>`: a log that verifies with no server, and all that `import` needs to make
 * the database again. Checked first: nothing is exported of a log with a fault. Run again, it goes on where it ended.
 */
export async function exportLogs(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { values, positionals } = parseArguments(USAGE, {
    args: [...args],
    options: { tenant: { type: 'string' }, ...EARLIER_KEY },
    allowPositionals: true,
  });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw new LedgerError('USAGE', `one folder\nusage: ${USAGE}`);
  const publicKeys = trustedKeys(config, values['earlier-key']);
  const startMs = performance.now();
  const postgresUrl = readSecretFile(config.postgresUrlFile);
  const sql = await SnapshotConnection.open(postgresUrl, 'ledger export');
  const workers = new PageWorkers(threadsFor(), { url: postgresUrl, snapshot: sql.snapshot });
  try {
    const logs = (await loadAllLogs(sql)).filter(({ tenant }) => (values.tenant ?? tenant) === tenant);
    if (values.tenant !== undefined && logs.length === 0)
      throw new LedgerError('USAGE', `there is no log of ${values.tenant}`);
    const tenants = logs.map(({ tenant }) => tenant);
    const of = logs.reduce((sum, { size }) => sum + size, 0);
    const checking = new Progress('export: checking');
    const { faults } = await checkSnapshot(
      {
        origin: config.origin,
        publicKeys,
        tenants,
        thorough: false,
        progress: ({ entries }) => checking.say(entries, of, 'entries'),
      },
      sql,
      sql,
      workers,
    );
    const sound = logs.filter(({ tenant }) => faults.every(({ log }) => log !== tenant));
    const writing = new Progress('export: writing');
    let written = 0;
    for (const log of sound)
      await exportLog(sql, log, join(resolve(folder), log.tenant), (entries) =>
        writing.say((written += entries), of, 'entries'),
      );
    report({
      ok: faults.length === 0,
      faults,
      logs: sound.length,
      entries: written,
      folder: resolve(folder),
      seconds: Number(((performance.now() - startMs) / 1000).toFixed(2)),
    });
    return faults.length === 0 ? EXIT.done : EXIT.negative;
  } finally {
    await workers.close();
    await sql.close();
  }
}
