import { query, type Pool } from '@logline/postgres';

export type TokenRow = {
  readonly token_id: string;
  readonly exp_ms: number | null;
  readonly status: string;
};

/** The tenant's API token with this hash, whatever its status; null when no fact created one. */
export async function findToken(pool: Pool, tenant: string, hash: string): Promise<TokenRow | null> {
  const [row] = await query<TokenRow>(
    pool,
    `select token_id, exp_ms, status from views.api_token where tenant = $1 and hash = $2
     order by status = 'active' desc, exp_ms desc nulls first limit 1`,
    [tenant, hash],
  );
  return row ?? null;
}

/** Public key (64 hex) of an active, unexpired key of the tenant; null when there is none. */
export async function findActiveKey(
  pool: Pool,
  tenant: string,
  kid: string,
  nowMs: number,
): Promise<string | null> {
  const [row] = await query<{ pub: string }>(
    pool,
    `select pub from views.signing_key
     where tenant = $1 and kid = $2 and status = 'active' and (exp_ms is null or exp_ms > $3)`,
    [tenant, kid, nowMs],
  );
  return row?.pub ?? null;
}
