import { query, type PoolClient } from '@logline/postgres';
import type { LogGrowth } from '../domain/log-view.ts';

const SQL = {
  name: 'insert-tiles',
  text: `insert into tile (tenant, level, n, hashes, root)
    select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::bytea[])`,
};

/** The tiles that have become full. */
export async function insertTiles(client: PoolClient, growths: readonly LogGrowth[]): Promise<void> {
  const rows = growths.flatMap(({ log: { tenant }, tiles }) => tiles.map((tile) => ({ tenant, ...tile })));
  if (rows.length === 0) return;
  await query(client, SQL, [
    rows.map(({ tenant }) => tenant),
    rows.map(({ level }) => level),
    rows.map(({ index }) => index),
    rows.map(({ hashes }) => Buffer.from(hashes)),
    rows.map(({ root }) => Buffer.from(root)),
  ]);
}
