import type { Sql } from './append-connection.ts';

const MOVE_LOG = {
  name: 'move_log',
  text: 'UPDATE log SET partition = $3 WHERE tenant = $1 AND partition = $2 RETURNING size',
};

/** The log is in another partition from here on; its size, or undefined when it was not where the caller knew it to be. */
export async function moveLog(
  sql: Sql,
  tenant: string,
  from: number,
  to: number,
): Promise<number | undefined> {
  const [row] = (await sql.run(MOVE_LOG, [tenant, from, to])).rows;
  return row === undefined ? undefined : Number(row['size']);
}
