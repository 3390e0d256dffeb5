import { FIRST_TIP, type Tip } from '../domain/anchor.ts';
import type { Sql } from './append-connection.ts';
import { bytesOf } from './load-logs.ts';

const LOCK_PARTITIONS = {
  name: 'lock_partitions',
  text: `SELECT partition, position, chain, previous FROM partition WHERE partition = ANY ($1::int[]) ORDER BY partition FOR UPDATE`,
};

/** Where these partitions stand, and nobody commits to them until the transaction ends: every commit changes the row first. */
export async function lockPartitions(
  sql: Sql,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, Tip>> {
  const { rows } = await sql.run(LOCK_PARTITIONS, [partitions]);
  const tips = new Map<number, Tip>(partitions.map((partition) => [partition, FIRST_TIP]));
  for (const { partition, position, chain, previous } of rows)
    tips.set(Number(partition), {
      position: Number(position),
      chain: bytesOf(chain),
      previous: bytesOf(previous),
    });
  return tips;
}
