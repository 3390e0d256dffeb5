import type { Sql } from './append-connection.ts';

const SAVE_WRITES = {
  name: 'save_writes',
  text: `
INSERT INTO key_write (log_id, key, idx) SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[])
ON CONFLICT (log_id, key) DO UPDATE SET idx = excluded.idx`,
};

/** The index at which each key was written last. Each key once. */
export async function saveWrites(
  sql: Sql,
  writes: readonly { logId: number; key: string; index: number }[],
): Promise<void> {
  if (writes.length === 0) return;
  await sql.run(SAVE_WRITES, [
    writes.map(({ logId }) => logId),
    writes.map(({ key }) => key),
    writes.map(({ index }) => index),
  ]);
}
