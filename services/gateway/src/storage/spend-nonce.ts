import { query, type Pool } from '@logline/postgres';
import type { RequestSignature } from '../domain/request-auth.ts';

/** Longer than a timestamp can be good, both ways. */
const KEEP_S = 300;

export type Spending = 'new' | 'resend' | 'of another request';

/**
 * Spends the nonce of a signed request that no commit spends. The very same signed string sent again is a resend, not a reuse.
 * Exact, and shared by all gateways; fails closed with the database.
 * @see protocol §7
 */
export async function spendNonce(
  pool: Pool,
  tenant: string,
  { keyId, nonce, requestHash }: RequestSignature,
): Promise<Spending> {
  await query(pool, 'delete from request_nonce where expires_at < now()');
  const rows = await query<{ request_hash: string; is_new: boolean }>(
    pool,
    // xmax is 0 for a row that this statement inserted
    `insert into request_nonce as n (tenant, kid, nonce, request_hash, expires_at)
     values ($1, $2, $3, $4, now() + make_interval(secs => ${KEEP_S}))
     on conflict (tenant, kid, nonce) do update set request_hash = n.request_hash returning request_hash, xmax = 0 as is_new`,
    [tenant, keyId, nonce.toLowerCase(), requestHash],
  );
  if (rows[0]?.is_new === true) return 'new';
  return rows[0]?.request_hash === requestHash ? 'resend' : 'of another request';
}
