import { resolve } from 'node:path';
import { CONSUMERS, FIRST_PARTITION } from '@logline/contracts';
import { toPostgresError } from '@logline/postgres';
import { readSecretFile } from '@logline/service';
import pg from 'pg';
import { checkSnapshot, type LogFault } from '../check/check-database.ts';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { holdPartition } from '../maintain/hold-partition.ts';
import { EARLIER_KEY, EXIT, parseArguments, Progress, report, trustedKeys } from '../maintain/maintenance.ts';
import { lastLogId, loadAllLogs } from '../storage/load-logs.ts';
import { RawConnection } from '../storage/raw-connection.ts';
import { compareRotations, importLog } from './import-log.ts';
import { findLogs } from './read-folder.ts';

const USAGE = 'import <folder> [--tenant <tenant>] [--earlier-key <64 hex>]…';

/**
 * The logs of an exported folder in a database that has none of them, all or none: one transaction, committed only when `fsck` finds nothing wrong
 * with what it has written, the log's signatures among it. Then the ledger goes on where the export ended. No ledger may run meanwhile.
 */
export async function importLogs(args: readonly string[], config: Readonly<LedgerConfig>): Promise<number> {
  const { values, positionals } = parseArguments(USAGE, {
    args: [...args],
    options: { tenant: { type: 'string' }, ...EARLIER_KEY },
    allowPositionals: true,
  });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw new LedgerError('USAGE', `one folder\nusage: ${USAGE}`);
  const startMs = performance.now();
  const { faults, ...counts } = await importFolder({
    folder: resolve(folder),
    tenant: values.tenant,
    postgresUrl: readSecretFile(config.postgresUrlFile),
    origin: config.origin,
    publicKeys: trustedKeys(config, values['earlier-key']),
  });
  const seconds = Number(((performance.now() - startMs) / 1000).toFixed(2));
  report({ ok: faults.length === 0, faults, ...counts, seconds });
  return faults.length === 0 ? EXIT.done : EXIT.negative;
}

export type ImportOptions = {
  readonly folder: string;
  /** Only this one's log. */
  readonly tenant?: string | undefined;
  readonly postgresUrl: string;
  readonly origin: string;
  readonly publicKeys: readonly Uint8Array[];
};
export type ImportResult = {
  /** Any of them: nothing was imported. */
  readonly faults: readonly LogFault[];
  readonly logs: number;
  readonly entries: number;
};

/** @throws LedgerError `BAD_EXPORT`, `EXISTS`, `LEDGER_RUNS`, `USAGE`; PostgresError; nothing was imported then */
export async function importFolder(options: ImportOptions): Promise<ImportResult> {
  const { folder, tenant, postgresUrl } = options;
  const logs = (await findLogs(folder)).filter(({ file }) => (tenant ?? file.tenant) === file.tenant);
  if (logs.length === 0) throw new LedgerError('USAGE', `there is no log of ${tenant ?? ''} in ${folder}`);
  const faults = await holdPartition(postgresUrl, CONSUMERS.ledger(FIRST_PARTITION), (signal) =>
    inOneTransaction(postgresUrl, signal, (sql) => importAll(sql, logs, options)),
  );
  const entries = logs.reduce((sum, { file }) => sum + file.size, 0);
  return { faults, logs: logs.length, entries };
}

async function importAll(
  sql: RawConnection,
  logs: Awaited<ReturnType<typeof findLogs>>,
  { origin, publicKeys }: ImportOptions,
): Promise<readonly LogFault[]> {
  const there = new Set((await loadAllLogs(sql)).map(({ tenant }) => tenant));
  const twice = logs.find(({ file }) => there.has(file.tenant));
  if (twice !== undefined)
    throw new LedgerError('EXISTS', `the database has a log of ${twice.file.tenant}; nothing was imported`);
  const of = logs.reduce((sum, { file }) => sum + file.size, 0);
  const writing = new Progress('import: writing');
  let written = 0;
  let logId = await lastLogId(sql);
  for (const { folder, file } of logs)
    await importLog(sql, file, {
      logId: ++logId,
      partition: FIRST_PARTITION,
      folder,
      progress: (entries) => writing.say((written += entries), of, 'entries'),
    });
  const checking = new Progress('import: checking');
  const { faults } = await checkSnapshot(
    {
      origin,
      publicKeys,
      tenants: logs.map(({ file }) => file.tenant),
      thorough: false,
      progress: ({ entries }) => checking.say(entries, of, 'entries'),
    },
    sql,
    sql,
  );
  if (faults.length > 0) return faults;
  const stored = await loadAllLogs(sql);
  for (const { folder, file } of logs) {
    const log = stored.find(({ tenant }) => tenant === file.tenant);
    if (log !== undefined) await compareRotations(sql, log, folder);
  }
  return faults;
}

/** Committed only when the work finds nothing wrong. @throws PostgresError, and what the work throws */
async function inOneTransaction(
  url: string,
  signal: AbortSignal,
  work: (sql: RawConnection) => Promise<readonly LogFault[]>,
): Promise<readonly LogFault[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'ledger import',
    connectionTimeoutMillis: 10_000,
    options: '-c statement_timeout=0 -c jit=off',
  });
  client.on('error', () => undefined); // the query in flight rejects by itself
  try {
    await client.connect();
    await client.query('BEGIN');
    const faults = await work(new RawConnection(client));
    signal.throwIfAborted();
    await client.query(faults.length === 0 ? 'COMMIT' : 'ROLLBACK');
    return faults;
  } catch (error) {
    throw error instanceof pg.DatabaseError ? toPostgresError(error) : error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
