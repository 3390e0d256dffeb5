import { query, type Pool } from '@logline/postgres';

/** As long as a timestamp can be good, both ways. */
const KEEP_S = 240;

/**
 * Spends the nonce of a signed request that no commit spends. True when it is new, or when the very same signed string is sent
 * again (a resend); false when another request has used it. Exact, and shared by all gateways; fails closed with the database.
 */
export async function spendNonce(
  pool: Pool,
  tenant: string,
  kid: string,
  nonce: string,
  requestHash: string,
): Promise<boolean> {
  await query(pool, 'delete from request_nonce where expires_at < now()', []);
  const rows = await query<{ request_hash: string }>(
    pool,
    `insert into request_nonce as n (tenant, kid, nonce, request_hash, expires_at)
     values ($1, $2, $3, $4, now() + make_interval(secs => ${KEEP_S}))
     on conflict (tenant, kid, nonce) do update set request_hash = n.request_hash returning request_hash`,
    [tenant, kid, nonce, requestHash],
  );
  return rows[0]?.request_hash === requestHash;
}
