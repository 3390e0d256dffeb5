import { type Pool, type PoolClient, toPostgresError } from '@logline/postgres';
import type { Row, Sql } from './append-connection.ts';

/** For reads beside the append connection, and for chores: each statement on its own, or in the client's transaction. */
export function onPool(pool: Pick<Pool | PoolClient, 'query'>): Sql {
  return {
    async run({ name, text }, values) {
      try {
        const { rows, rowCount } = await pool.query<Row>({ name, text, values: [...values] });
        return { rows, count: rowCount ?? 0 };
      } catch (error) {
        throw toPostgresError(error);
      }
    },
  };
}
