import type { Row, Sql } from './append-connection.ts';
import { toSpanId } from './find-known.ts';
import { bytesOf } from './load-logs.ts';

export type StoredReceipt = {
  readonly index: number;
  readonly this: string;
  readonly digest: Uint8Array;
  readonly timeMs: number;
  readonly signature: Uint8Array;
  /** Of the commit that the entry was part of. */
  readonly checkpoint: string;
  readonly checkpointSize: number;
  /** The verdict span that committed with it. */
  readonly verdictBytes: Uint8Array | undefined;
};

const READ_RECEIPTS = {
  name: 'read_receipts',
  text: `
SELECT e.idx, e.this::text AS this, e.hash, e.ts_ms, e.receipt_signature, c.size, c.note, v.bytes AS verdict
  FROM unnest($2::bigint[]) AS q(idx)
  JOIN entry e ON e.log_id = $1 AND e.idx = q.idx
 CROSS JOIN LATERAL (SELECT size, note FROM checkpoint WHERE log_id = $1 AND size > q.idx ORDER BY size LIMIT 1) c
  LEFT JOIN entry v ON v.log_id = $1 AND v.idx = q.idx + 1 AND v.verdict_of = q.idx`,
};

/** What the receipts of entries were made of when they were committed: the checkpoint is the smallest that covers the entry. */
export async function readReceipts(
  sql: Sql,
  logId: number,
  indexes: readonly number[],
): Promise<StoredReceipt[]> {
  return (await sql.run(READ_RECEIPTS, [logId, indexes])).rows.map(parseReceipt);
}

function parseReceipt(row: Row): StoredReceipt {
  return {
    index: Number(row['idx']),
    this: toSpanId(String(row['this'])),
    digest: bytesOf(row['hash']),
    timeMs: Number(row['ts_ms']),
    signature: bytesOf(row['receipt_signature']),
    checkpoint: String(row['note']),
    checkpointSize: Number(row['size']),
    verdictBytes: row['verdict'] instanceof Uint8Array ? row['verdict'] : undefined,
  };
}
