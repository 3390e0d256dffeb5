import type { Tip } from '../domain/anchor.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';

const ADVANCE_PARTITION = {
  name: 'advance_partition',
  text: `
INSERT INTO partition AS held (partition, position, chain, previous) VALUES ($1, $2, $3, $4)
ON CONFLICT (partition) DO UPDATE
   SET position = excluded.position, chain = excluded.chain, previous = excluded.previous
 WHERE held.chain = excluded.previous`,
};

/**
 * Compare and set, in the transaction of the commit it stands for: the partition goes on from the commit this leader knows. Two commits of one
 * partition wait for each other here.
 * @throws LedgerError `LOG_MOVED` if another commit was last
 */
export async function advancePartition(sql: Sql, partition: number, tip: Tip): Promise<void> {
  const { count } = await sql.run(ADVANCE_PARTITION, [partition, tip.position, tip.chain, tip.previous]);
  if (count !== 1)
    throw new LedgerError(
      'LOG_MOVED',
      `partition ${partition} is not at the commit before ${tip.position} that this leader knows`,
    );
}
