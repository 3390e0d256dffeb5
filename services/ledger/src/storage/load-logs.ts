import type { Row, Sql } from './append-connection.ts';

export type StoredLog = {
  readonly logId: number;
  readonly tenant: string;
  readonly origin: string;
  readonly size: number;
  readonly timeMs: number;
  readonly root: Uint8Array;
  readonly edge: Uint8Array;
};

const COLUMNS = 'log_id, tenant, origin, size, ts_ms, root, edge';
const LOAD_LOGS = {
  name: 'load_logs',
  text: `SELECT ${COLUMNS} FROM log WHERE partition = $1 AND tenant = ANY ($2::text[])`,
};
const LOAD_PARTITION = {
  name: 'load_partition',
  text: `SELECT ${COLUMNS} FROM log WHERE partition = $1 ORDER BY log_id`,
};
const LAST_LOG_ID = { name: 'last_log_id', text: 'SELECT coalesce(max(log_id), 0) AS last FROM log' };

/** The logs of these tenants that are in the partition. */
export async function loadLogs(
  sql: Sql,
  partition: number,
  tenants: readonly string[],
): Promise<StoredLog[]> {
  return (await sql.run(LOAD_LOGS, [partition, tenants])).rows.map(parseLog);
}

export async function loadPartition(sql: Sql, partition: number): Promise<StoredLog[]> {
  return (await sql.run(LOAD_PARTITION, [partition])).rows.map(parseLog);
}

/** The highest id ever given to a log, in any partition; 0 when there is none. */
export async function lastLogId(sql: Sql): Promise<number> {
  return Number((await sql.run(LAST_LOG_ID, [])).rows[0]?.['last']);
}

function parseLog(row: Row): StoredLog {
  return {
    logId: Number(row['log_id']),
    tenant: String(row['tenant']),
    origin: String(row['origin']),
    size: Number(row['size']),
    timeMs: Number(row['ts_ms']),
    root: bytesOf(row['root']),
    edge: bytesOf(row['edge']),
  };
}

/** A `bytea` column that is never null. */
export function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError('a column that holds no bytes');
  return value;
}
