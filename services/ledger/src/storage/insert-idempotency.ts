import type { Sql } from './append-connection.ts';
import { concatenate } from './concatenate.ts';

export type Spending = {
  readonly logId: number;
  readonly owner: string;
  readonly name: string;
  readonly digest: Uint8Array;
  readonly index: number;
};

const INSERT_IDEMPOTENCY = {
  name: 'insert_idempotency',
  text: `
INSERT INTO idempotency (log_id, token, key, idx, ts_ms, payload_hash)
SELECT q.log_id, q.token, q.key, q.idx, $5, substring($6::bytea FROM (q.n * 32 - 31)::int FOR 32)
  FROM unnest($1::int[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS q(log_id, token, key, idx, n)`,
};

/** Idempotency keys spent by a commit, with the hash of the payload and the first entry they stand for. */
export async function insertIdempotency(sql: Sql, nowMs: number, spent: readonly Spending[]): Promise<void> {
  if (spent.length === 0) return;
  await sql.run(INSERT_IDEMPOTENCY, [
    spent.map(({ logId }) => logId),
    spent.map(({ owner }) => owner),
    spent.map(({ name }) => name),
    spent.map(({ index }) => index),
    nowMs,
    concatenate(spent.map(({ digest }) => digest)),
  ]);
}
