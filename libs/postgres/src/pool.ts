import pg from 'pg';
import { toPostgresError } from './errors.ts';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export type PoolOptions = {
  /** Shown in `pg_stat_activity`. */
  readonly name: string;
  /** Connections at most; 8. */
  readonly max?: number;
  /** A statement that takes longer is cancelled; 30 s. */
  readonly statementTimeoutMs?: number;
  /** Statements leave without waiting for each other, see `inOneFlight`. */
  readonly pipeline?: boolean;
};

/**
 * Connections for the hot path, where SQL is written as SQL. `Uint8Array` parameters travel as binary `bytea`; `bigint` columns come back
 * as numbers, which log indexes fit. A connection that is lost is replaced, and never ends the process.
 */
export function openPool(
  url: string,
  { name, max = 8, statementTimeoutMs = 30_000, pipeline = false }: PoolOptions,
): Pool {
  const pool = new pg.Pool({
    pipeline,
    connectionString: url,
    max,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    types: { getTypeParser: typeParser },
  });
  // without listeners a dropped connection would be an uncaught exception; the query in flight rejects by itself
  pool.on('connect', (client) => client.on('error', ignore));
  pool.on('error', ignore);
  return pool;
}

export type Sql = string | { readonly name: string; readonly text: string };

/** Rows of one statement. A `name` makes it a prepared statement of its connection. @throws PostgresError */
export async function query<Row extends object>(
  db: Pool | PoolClient,
  sql: Sql,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const statement = typeof sql === 'string' ? { text: sql } : sql;
  try {
    const result = await db.query<Row>({ ...statement, values: values.map(toParameter) });
    return result.rows;
  } catch (error) {
    throw toPostgresError(error);
  }
}

/** Only a Buffer is sent as binary. */
function toParameter(value: unknown): unknown {
  return value instanceof Uint8Array && !Buffer.isBuffer(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value;
}

const INT8 = 20;

function typeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8 && format !== 'binary') return parseInt8;
  // pg's own table; its types know only one format at a time
  return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('a bigint beyond 2^53');
  return value;
}

function ignore(): void {}
