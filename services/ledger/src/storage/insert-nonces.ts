import type { Sql } from './append-connection.ts';
import { concatenate } from './concatenate.ts';
import type { Spending } from './insert-idempotency.ts';

const INSERT_NONCES = {
  name: 'insert_nonces',
  text: `
INSERT INTO nonce (log_id, kid, nonce, idx, ts_ms, request_hash)
SELECT q.log_id, q.kid, q.nonce, q.idx, $5, substring($6::bytea FROM (q.n * 32 - 31)::int FOR 32)
  FROM unnest($1::int[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS q(log_id, kid, nonce, idx, n)`,
};

/** Nonces spent by a commit, with the hash of the signed string they came in. */
export async function insertNonces(sql: Sql, nowMs: number, spent: readonly Spending[]): Promise<void> {
  if (spent.length === 0) return;
  await sql.run(INSERT_NONCES, [
    spent.map(({ logId }) => logId),
    spent.map(({ owner }) => owner),
    spent.map(({ name }) => name),
    spent.map(({ index }) => index),
    nowMs,
    concatenate(spent.map(({ digest }) => digest)),
  ]);
}
