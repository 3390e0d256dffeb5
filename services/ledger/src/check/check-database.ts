import { formatVkey } from '@logline/tlog';
import { countRows, findDuplicates, type RowCount } from '../storage/count-rows.ts';
import { loadAllLogs, type StoredLog } from '../storage/load-logs.ts';
import { findImpossible, type Impossible } from '../storage/read-standing.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import { SnapshotConnection } from '../storage/snapshot-connection.ts';
import { checkLog, type LogReport } from './check-log.ts';
import { checkPage } from './check-page.ts';
import { compareViews } from './compare-views.ts';
import type { Fault } from './fault.ts';
import { PageWorkers } from './page-workers.ts';

export type CheckOptions = {
  readonly postgresUrl: string;
  /** What the logs' origins begin with, and the keys that sign for them. */
  readonly origin: string;
  readonly publicKeys: readonly Uint8Array[];
  /** Only these logs; all when left out. */
  readonly tenants?: readonly string[] | undefined;
  readonly threads: number;
  /** Of the projector, no later than the moment that is checked: its rows are held against the log. */
  readonly views?: RawSql | undefined;
  readonly thorough: boolean;
  readonly progress: (done: { readonly entries: number; readonly of: number }) => void;
};

export type DatabaseReport = {
  readonly logs: readonly LogReport[];
  readonly faults: readonly LogFault[];
};
/** `log` is a tenant; `#<id>` where rows have lost their log. */
export type LogFault = Fault & { readonly log: string };

/** Logs that are checked at once. */
const LOGS_AT_ONCE = 4;

/** Everything of every log, as of one moment, beside a ledger that goes on appending. @throws PostgresError */
export async function checkDatabase(options: CheckOptions): Promise<DatabaseReport> {
  const connection = await SnapshotConnection.open(options.postgresUrl, 'ledger fsck');
  const beside = await SnapshotConnection.open(options.postgresUrl, 'ledger fsck', connection.snapshot);
  const workers =
    options.threads > 0
      ? new PageWorkers(options.threads, { url: options.postgresUrl, snapshot: connection.snapshot })
      : undefined;
  try {
    return await checkSnapshot(options, connection, beside, workers);
  } finally {
    await workers?.close();
    await beside.close();
    await connection.close();
  }
}

/** The same on connections that are open; of an import, before it is committed. */
export async function checkSnapshot(
  options: Omit<CheckOptions, 'postgresUrl' | 'threads'>,
  sql: RawSql,
  beside: RawSql,
  workers?: PageWorkers,
): Promise<DatabaseReport> {
  const all = await loadAllLogs(sql);
  const logs = all.filter(({ tenant }) => options.tenants?.includes(tenant) ?? true);
  const counting = Promise.all([countRows(beside), findDuplicates(beside), findImpossible(beside)]);
  counting.catch(() => undefined); // heard of below
  const of = logs.reduce((sum, { size }) => sum + size, 0);
  let entries = 0;
  const check = async (log: StoredLog): Promise<LogReport> => {
    const named = checkName(log, options.origin);
    if (named !== undefined)
      return { tenant: log.tenant, size: log.size, commits: 0, facts: '', verified: 0, fault: named };
    return await checkLog(log, {
      sql,
      checkPage: (job) => (workers === undefined ? checkPage(sql, job) : workers.check(job)),
      vkeys: options.publicKeys.map((key) => formatVkey(log.origin, key)),
      thorough: options.thorough,
      progress: (more) => options.progress({ entries: (entries += more), of }),
    });
  };
  const reports: LogReport[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(LOGS_AT_ONCE, logs.length) }, async () => {
      for (let at = next++; at < logs.length; at = next++) {
        const log = logs[at];
        if (log !== undefined) reports[at] = await check(log);
      }
    }),
  );
  const viewFaults = new Map<string, Fault | undefined>();
  const { views } = options;
  for (const [at, log] of logs.entries()) {
    if (views === undefined || reports[at]?.fault !== undefined) continue;
    viewFaults.set(log.tenant, await compareViews(sql, views, log));
  }
  const [counts, duplicates, impossible] = await counting;
  const faults = logs.flatMap((log, at): LogFault[] => {
    const report = reports[at];
    const rows = counts.filter(({ logId }) => logId === log.logId);
    const twice = duplicates
      .filter(({ logId }) => logId === log.logId)
      .map(({ index }) => ({ index, column: 'entry.this', why: 'the log has this span already' }));
    const cannotBe = impossible.filter(({ logId }) => logId === log.logId).map((row) => toFault(log, row));
    const [fault] = [report?.fault ?? viewFaults.get(log.tenant), ...twice, ...cannotBe, tooMany(log, rows)]
      .filter((one) => one !== undefined)
      .sort((one, other) => one.index - other.index);
    return fault === undefined ? [] : [{ log: log.tenant, ...fault }];
  });
  return {
    logs: reports,
    faults: [...faults, ...(options.tenants === undefined ? orphans(all, counts) : [])],
  };
}

function checkName({ tenant, origin }: StoredLog, prefix: string): Fault | undefined {
  return origin === `${prefix}/${tenant}`
    ? undefined
    : { index: 0, column: 'log.tenant, log.origin', why: `the log of ${tenant} is named ${origin}` };
}

/**
 * Keys, nonces and writes stand for entries that exist. Which keys an entry wrote, and what was hashed for a key or a nonce, the log does not say.
 */
function toFault({ size }: StoredLog, { table, index, what }: Impossible): Fault {
  return {
    index: Math.min(Math.max(index, 0), size - 1),
    column: table,
    why: `${JSON.stringify(what)} stands for an entry that is not there, or is older`,
  };
}

/** Rows behind the end of a log, which nothing has led to. */
function tooMany({ size }: StoredLog, rows: readonly RowCount[]): Fault | undefined {
  for (const { table, level, count, last } of rows) {
    if (table === 'entry' && (last >= size || count > size))
      return {
        index: size,
        column: 'log.size, entry.idx',
        why: `entries reach to ${last}, the log to ${size - 1}`,
      };
    if (table === 'checkpoint' && last > size)
      return {
        index: size,
        column: 'log.size, checkpoint.size',
        why: `a checkpoint is of size ${last}, the log of ${size}`,
      };
    const width = 256 ** (level + 1);
    if (table === 'tile' && (last + 1) * width > size)
      return {
        index: last * width,
        column: 'tile.n, tile.level',
        why: `tile ${last} of level ${level} is not full`,
      };
  }
  return undefined;
}

function orphans(logs: readonly StoredLog[], counts: readonly RowCount[]): LogFault[] {
  const known = new Set(logs.map(({ logId }) => logId));
  const lost = new Map(counts.filter(({ logId }) => !known.has(logId)).map((row) => [row.logId, row]));
  return [...lost.values()].map(({ table, logId }) => ({
    log: `#${logId}`,
    index: 0,
    column: `log.log_id, ${table}.log_id`,
    why: `rows of ${table} are of a log that is not there`,
  }));
}
