import type { Sql } from './append-connection.ts';

const FIND_PARTITIONS = {
  name: 'find_partitions',
  text: 'SELECT tenant, partition FROM log WHERE tenant = ANY ($1::text[])',
};

/** Where the logs of these tenants are, whoever leads there; a tenant without a log is not in the result. */
export async function findPartitions(
  sql: Sql,
  tenants: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql.run(FIND_PARTITIONS, [tenants]);
  return new Map(rows.map((row) => [String(row['tenant']), Number(row['partition'])]));
}
