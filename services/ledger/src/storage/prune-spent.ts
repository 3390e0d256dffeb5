import type { Sql } from './append-connection.ts';

const PRUNE_IDEMPOTENCY = { name: 'prune_idempotency', text: 'DELETE FROM idempotency WHERE ts_ms < $1' };
const PRUNE_NONCES = { name: 'prune_nonces', text: 'DELETE FROM nonce WHERE ts_ms < $1' };

/** Longer than the 24 hours promised (protocol §7); a span's id is unique for ever. */
export const KEEP_IDEMPOTENCY_MS = 48 * 3_600_000;
/** Far longer than the ±120 s in which a signed request is accepted at all. */
export const KEEP_NONCES_MS = 3_600_000;

/** Forgets idempotency keys and nonces that can no longer be meant. */
export async function pruneSpent(sql: Sql, nowMs: number): Promise<number> {
  const keys = await sql.run(PRUNE_IDEMPOTENCY, [nowMs - KEEP_IDEMPOTENCY_MS]);
  const nonces = await sql.run(PRUNE_NONCES, [nowMs - KEEP_NONCES_MS]);
  return keys.count + nonces.count;
}
