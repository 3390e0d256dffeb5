import type { Sql } from './append-connection.ts';

const READ_SIZE = { name: 'read_size', text: 'SELECT size FROM log WHERE log_id = $1' };

/** How many entries of a log are committed now. */
export async function readSize(sql: Sql, logId: number): Promise<number> {
  return Number((await sql.run(READ_SIZE, [logId])).rows[0]?.['size']);
}
