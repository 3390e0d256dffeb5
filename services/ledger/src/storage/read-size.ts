import type { Sql } from './append-connection.ts';

const READ_SIZE = { name: 'read_size', text: 'SELECT size FROM log WHERE log_id = $1' };

/** How many entries of a log are committed now. */
export async function readSize(sql: Sql, logId: number): Promise<number> {
  return Number((await sql.run(READ_SIZE, [logId])).rows[0]?.['size']);
}

const READ_SIZE_IN = {
  name: 'read_size_in',
  text: 'SELECT size FROM log WHERE log_id = $1 AND partition = $2',
};

/** The same; null for a log that is not in the partition. */
export async function readSizeIn(sql: Sql, partition: number, logId: number): Promise<number | null> {
  const [row] = (await sql.run(READ_SIZE_IN, [logId, partition])).rows;
  return row === undefined ? null : Number(row['size']);
}
