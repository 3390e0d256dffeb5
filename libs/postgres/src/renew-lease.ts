import { query, type Pool } from './pool.ts';

/** An expired lease that nobody took is still ours: the epoch says so. */
const SQL = {
  name: 'renew-lease',
  text: `
UPDATE lease SET until = clock_timestamp() + $3 * interval '1 millisecond'
WHERE name = $1 AND epoch = $2
RETURNING epoch`,
};

/** Whether the lease of this epoch is held for another `ttlMs`. @throws PostgresError */
export async function renewLease(pool: Pool, name: string, epoch: number, ttlMs: number): Promise<boolean> {
  return (await query(pool, SQL, [name, epoch, ttlMs])).length === 1;
}
