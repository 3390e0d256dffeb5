import { query, type Pool } from '@logline/postgres';

export type StateRow = {
  readonly subject: string;
  readonly head: string | null;
  readonly state: { readonly kind: string; readonly view: Record<string, unknown> };
  /** The last log index that the tenant's views reflect, read together with the state. */
  readonly index: number;
};

/** The state of one subject; null when no fact is about it. */
export async function findState(pool: Pool, tenant: string, subject: string): Promise<StateRow | null> {
  const [row] = await query<StateRow>(
    pool,
    `select subject, head, state, size - 1 as index from views.subject_state join views.log using (tenant)
     where tenant = $1 and subject = $2`,
    [tenant, subject],
  );
  return row ?? null;
}

/** States of a tenant's containers, by subject, behind `after`. */
export async function listContainers(
  pool: Pool,
  tenant: string,
  after: string,
  limit: number,
): Promise<readonly StateRow[]> {
  return query<StateRow>(
    pool,
    `select subject, head, state, size - 1 as index from views.subject_state join views.log using (tenant)
     where tenant = $1 and state->>'kind' = 'container' and subject > $2 order by subject limit $3`,
    [tenant, after, limit],
  );
}
