import { PostgresError } from './errors.ts';
import { query, type PoolClient } from './pool.ts';

/** Locks the row until the transaction ends, so that nobody can take the lease between this check and the commit. */
const SQL = { name: 'fence-lease', text: `SELECT 1 FROM lease WHERE name = $1 AND epoch = $2 FOR SHARE` };

/**
 * Inside a leader's transaction: returns quietly while the epoch is still the current one.
 * @throws PostgresError `CONFLICT` when somebody else has taken the lease; stop leading
 */
export async function fenceLease(client: PoolClient, name: string, epoch: number): Promise<void> {
  const rows = await query(client, SQL, [name, epoch]);
  if (rows.length === 0)
    throw new PostgresError('CONFLICT', `the lease ${name} has moved on from epoch ${epoch}`);
}
