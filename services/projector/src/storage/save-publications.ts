import { query, type PoolClient } from '@logline/postgres';
import type { RegistryChange } from '../domain/batch.ts';

const SQL = {
  name: 'save-publications',
  text: `
update log set is_public = published.is_public
from unnest($1::text[], $2::boolean[]) as published (tenant, is_public) where log.tenant = published.tenant`,
};

/** Which logs anybody may read, as their tenants' newest word left it. */
export async function savePublications(
  client: PoolClient,
  changes: readonly RegistryChange[],
): Promise<void> {
  const rows = changes.filter(({ isPublic }) => isPublic !== undefined);
  if (rows.length === 0) return;
  await query(client, SQL, [rows.map(({ tenant }) => tenant), rows.map(({ isPublic }) => isPublic)]);
}
