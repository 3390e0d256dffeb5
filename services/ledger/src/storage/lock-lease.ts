import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';

export const LOCK_LEASE = {
  name: 'lock_lease',
  text: `SELECT 1 FROM lease WHERE name = $1 AND epoch = $2 FOR SHARE`,
};

/**
 * Ties the transaction to the epoch: while it runs nobody else can take the lease over, and one that was lost meanwhile ends it.
 * That is what keeps a leader that was paused from committing.
 * @throws LedgerError `LEASE_LOST`
 */
export async function lockLease(sql: Sql, { name, epoch }: { name: string; epoch: number }): Promise<void> {
  const { count } = await sql.run(LOCK_LEASE, [name, epoch]);
  if (count !== 1) throw new LedgerError('LEASE_LOST', `epoch ${epoch} of ${name} is over`);
}
