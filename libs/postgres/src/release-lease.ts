import { query, type Pool } from './pool.ts';

const SQL = {
  name: 'release-lease',
  text: `UPDATE lease SET until = clock_timestamp() WHERE name = $1 AND epoch = $2`,
};

/** The next one need not wait. Says nothing when the epoch is over already. @throws PostgresError */
export async function releaseLease(pool: Pool, name: string, epoch: number): Promise<void> {
  await query(pool, SQL, [name, epoch]);
}
