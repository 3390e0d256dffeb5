import { query, type Pool } from '@logline/postgres';

export type StateRow = {
  readonly subject: string;
  readonly head: string | null;
  readonly state: { readonly kind: string; readonly view: Record<string, unknown> };
};

export async function findState(pool: Pool, tenant: string, subject: string): Promise<StateRow | null> {
  const [row] = await query<StateRow>(
    pool,
    'select subject, head, state from views.subject_state where tenant = $1 and subject = $2',
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
    `select subject, head, state from views.subject_state
     where tenant = $1 and state->>'kind' = 'container' and subject > $2 order by subject limit $3`,
    [tenant, after, limit],
  );
}
