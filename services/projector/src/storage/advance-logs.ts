import { query, type PoolClient } from '@logline/postgres';
import type { LogGrowth } from '../domain/log-view.ts';
import { ProjectorError } from '../errors.ts';

/** A compare-and-set of each log's size: of two projectors that begin at the same one, the second waits and then fails. */
const SQL = {
  name: 'advance-logs',
  text: `
with wanted as (select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as w (tenant, origin, was, size)),
born as (
  insert into log (tenant, origin, size) select tenant, origin, size from wanted where was = 0
  on conflict do nothing returning 1),
moved as (
  update log set size = wanted.size from wanted
  where log.tenant = wanted.tenant and log.size = wanted.was and wanted.was > 0 returning 1)
select (select count(*) from born) + (select count(*) from moved) as advanced`,
};

/**
 * Moves each log's size from where its growth began to where it ends.
 * @throws ProjectorError `MOVED` when one of them is not there any more
 */
export async function advanceLogs(client: PoolClient, growths: readonly LogGrowth[]): Promise<void> {
  const [row] = await query<{ advanced: number }>(client, SQL, [
    growths.map(({ log }) => log.tenant),
    growths.map(({ facts }) => facts[0]?.place.log ?? ''),
    growths.map(({ log, facts }) => log.edge.size - BigInt(facts.length)),
    growths.map(({ log }) => log.edge.size),
  ]);
  if (Number(row?.advanced) !== growths.length) {
    throw new ProjectorError('MOVED', 'the view of a log is not where this batch began any more');
  }
}
