import { query, type Pool } from './pool.ts';

/**
 * Taken when nobody holds it any more. Every taking has a new epoch, which fences all earlier ones. It counts from the taking, not from the question, which may have
 * waited for the row: a leader that is paused in the middle of a transaction holds it.
 */
const SQL = {
  name: 'acquire-lease',
  text: `
INSERT INTO lease AS held (name, epoch, holder, until)
VALUES ($1, 1, $2, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE
  SET epoch = held.epoch + 1, holder = excluded.holder, until = clock_timestamp() + $3 * interval '1 millisecond'
  WHERE held.until <= clock_timestamp()
RETURNING epoch`,
};

/** The epoch, or null while somebody else holds it. @throws PostgresError */
export async function acquireLease(
  pool: Pool,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<number | null> {
  const [row] = await query<{ epoch: number }>(pool, SQL, [name, holder, ttlMs]);
  return row?.epoch ?? null;
}
