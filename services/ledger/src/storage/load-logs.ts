import type { CommitLink } from '../domain/commit-chain.ts';
import type { Row, Sql } from './append-connection.ts';

export type StoredLog = {
  readonly logId: number;
  readonly tenant: string;
  readonly origin: string;
  readonly size: number;
  readonly timeMs: number;
  readonly root: Uint8Array;
  readonly edge: Uint8Array;
  /** Of the last commit; undefined for one older than the chain. */
  readonly link: CommitLink | undefined;
};

const LOGS = `
SELECT log.log_id, log.tenant, log.origin, log.size, log.ts_ms, log.root, log.edge, c.chain, c.chain_signature
  FROM log LEFT JOIN checkpoint c ON c.log_id = log.log_id AND c.size = log.size`;
const LOAD_LOGS = {
  name: 'load_logs',
  text: `${LOGS} WHERE log.partition = $1 AND log.tenant = ANY ($2::text[])`,
};
const LOAD_PARTITION = {
  name: 'load_partition',
  text: `${LOGS} WHERE log.partition = $1 ORDER BY log.log_id`,
};
const LOAD_ALL = { name: 'load_all_logs', text: `${LOGS} ORDER BY log.log_id` };
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

const LOAD_PARTITIONS = {
  name: 'load_partitions',
  text: 'SELECT DISTINCT partition FROM log WHERE tenant = coalesce($1, tenant) ORDER BY 1',
};

/** The partitions that have logs, or the one that has this tenant's. */
export async function loadPartitions(sql: Sql, tenant?: string): Promise<number[]> {
  return (await sql.run(LOAD_PARTITIONS, [tenant ?? null])).rows.map((row) => Number(row['partition']));
}

/** The logs of every partition. */
export async function loadAllLogs(sql: Sql): Promise<StoredLog[]> {
  return (await sql.run(LOAD_ALL, [])).rows.map(parseLog);
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
    link:
      row['chain'] === null
        ? undefined
        : { chain: bytesOf(row['chain']), signature: bytesOf(row['chain_signature']) },
  };
}

/** A `bytea` column that is never null. */
export function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError('a column that holds no bytes');
  return value;
}
