import type { Sql } from './append-connection.ts';

const FIND_LAST_BEFORE = {
  name: 'find_last_before',
  text: `
SELECT e.idx FROM log JOIN entry e USING (log_id)
 WHERE log.tenant = $1 AND e.ts_ms < $2 ORDER BY e.idx DESC LIMIT 1`,
};

/** Index of the tenant's newest entry whose log time is before then, in milliseconds; −1 for none. Reads as many entries as are newer. */
export async function findLastBefore(sql: Sql, tenant: string, beforeMs: number): Promise<number> {
  const [row] = (await sql.run(FIND_LAST_BEFORE, [tenant, beforeMs])).rows;
  return row === undefined ? -1 : Number(row['idx']);
}
