import type { Sql } from './append-connection.ts';

const SEIZE_LEASE = {
  name: 'seize_lease',
  text: `
INSERT INTO lease AS held (name, epoch, holder, until)
VALUES ($1, $2 + 1, $3, clock_timestamp() + $4 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE
   SET epoch = greatest(held.epoch, $2) + 1, holder = excluded.holder, until = excluded.until
RETURNING epoch`,
};

/**
 * Takes the lease away from whoever leads, as an epoch above all that the database and the anchor have seen. Whoever led finds out by its next
 * renewal, and can commit nothing any more.
 */
export async function seizeLease(
  sql: Sql,
  name: string,
  wish: { readonly above: number; readonly holder: string; readonly ttlMs: number },
): Promise<number> {
  const { rows } = await sql.run(SEIZE_LEASE, [name, wish.above, wish.holder, wish.ttlMs]);
  return Number(rows[0]?.['epoch']);
}
