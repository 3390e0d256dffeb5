import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';

const READ_CLOCK = {
  name: 'read_clock',
  text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms',
};
const PRUNE_IDEMPOTENCY = { name: 'prune_idempotency', text: 'DELETE FROM idempotency WHERE ts_ms < $1' };
const PRUNE_NONCES = { name: 'prune_nonces', text: 'DELETE FROM nonce WHERE ts_ms < $1' };

/** Longer than the 24 hours promised (protocol §7); a span's id is unique for ever. */
export const KEEP_IDEMPOTENCY_MS = 48 * 3_600_000;
/** Far longer than the ±120 s in which a signed request is accepted at all. */
export const KEEP_NONCES_MS = 3_600_000;
/** What two clocks that are both looked after are never apart. */
export const MOST_APART_MS = 300_000;

/**
 * Forgets idempotency keys and nonces that can no longer be meant, by the later of two clocks to say so: what one wrong clock deletes, nothing
 * brings back.
 * @param nowMs - by the clock of this process; the other one is the database's
 * @throws LedgerError `CLOCKS_APART` by more than {@link MOST_APART_MS}: nothing was deleted; PostgresError
 */
export async function pruneSpent(sql: Sql, nowMs: number): Promise<number> {
  const databaseMs = Number((await sql.run(READ_CLOCK, [])).rows[0]?.['ms']);
  const apartMs = nowMs - databaseMs;
  // also of a clock that says nothing
  if (!(Math.abs(apartMs) <= MOST_APART_MS))
    throw new LedgerError(
      'CLOCKS_APART',
      `this process's clock and the database's are ${Math.round(Math.abs(apartMs) / 1000)} s apart: nothing is pruned until both are right`,
    );
  const surelyMs = Math.min(nowMs, databaseMs);
  const keys = await sql.run(PRUNE_IDEMPOTENCY, [surelyMs - KEEP_IDEMPOTENCY_MS]);
  const nonces = await sql.run(PRUNE_NONCES, [surelyMs - KEEP_NONCES_MS]);
  return keys.count + nonces.count;
}
