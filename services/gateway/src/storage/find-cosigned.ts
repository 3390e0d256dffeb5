import { query, type Pool } from '@logline/postgres';

/** The newest checkpoint of a log that a quorum of witnesses has cosigned; null when there is none. */
export async function findCosigned(pool: Pool, tenant: string): Promise<string | null> {
  const [row] = await query<{ note: string }>(pool, 'select note from views.cosigned where tenant = $1', [
    tenant,
  ]);
  return row?.note ?? null;
}
