import { query, type Pool } from '@logline/postgres';

export type TokenRow = {
  readonly tenant: string;
  readonly token_id: string;
  readonly scopes: readonly string[];
  readonly exp_ms: number | null;
  readonly status: string;
};

/** The API token with this hash, whatever its status; null when no fact created one. */
export async function findToken(pool: Pool, hash: string): Promise<TokenRow | null> {
  const [row] = await query<Omit<TokenRow, 'exp_ms'> & { exp_ms: string | null }>(
    pool,
    'select tenant, token_id, scopes, exp_ms, status from views.api_token where hash = $1',
    [hash],
  );
  return row === undefined ? null : { ...row, exp_ms: row.exp_ms === null ? null : Number(row.exp_ms) };
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
