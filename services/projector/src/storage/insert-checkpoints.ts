import { query, type PoolClient } from '@logline/postgres';
import type { LogGrowth } from '../domain/log-view.ts';

const SQL = {
  name: 'insert-checkpoints',
  text: 'insert into checkpoint (tenant, size, note) select * from unnest($1::text[], $2::bigint[], $3::text[])',
};

/** The signed checkpoints that facts carry: each covers its fact and all before. */
export async function insertCheckpoints(client: PoolClient, growths: readonly LogGrowth[]): Promise<void> {
  const rows = growths.flatMap(({ facts }) =>
    facts.flatMap(({ place: { tenant, index, checkpoint } }) =>
      checkpoint === undefined ? [] : [{ tenant, size: index + 1, note: checkpoint }],
    ),
  );
  if (rows.length === 0) return;
  await query(client, SQL, [
    rows.map(({ tenant }) => tenant),
    rows.map(({ size }) => size),
    rows.map(({ note }) => note),
  ]);
}
