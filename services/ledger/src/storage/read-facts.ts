import type { Row, Sql } from './append-connection.ts';
import { bytesOf } from './load-logs.ts';

export type StoredFact = {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
  readonly timeMs: number;
  readonly signature: Uint8Array;
  readonly trace: string;
  /** On the last fact of a commit. */
  readonly checkpoint: string | undefined;
};

const READ_FACTS = {
  name: 'read_facts',
  text: `
SELECT e.idx, e.bytes, e.leaf, e.ts_ms, e.receipt_signature, encode(e.trace, 'hex') AS trace, c.note
  FROM entry e LEFT JOIN checkpoint c ON c.log_id = e.log_id AND c.size = e.idx + 1
 WHERE e.log_id = $1 AND e.idx >= $2 AND e.idx < $3 ORDER BY e.idx`,
};

/** Entries of one log in `[from, to)` as facts: with all that their messages carry. */
export async function readFacts(sql: Sql, logId: number, from: number, to: number): Promise<StoredFact[]> {
  return (await sql.run(READ_FACTS, [logId, from, to])).rows.map(parseFact);
}

function parseFact(row: Row): StoredFact {
  return {
    index: Number(row['idx']),
    bytes: bytesOf(row['bytes']),
    leaf: bytesOf(row['leaf']),
    timeMs: Number(row['ts_ms']),
    signature: bytesOf(row['receipt_signature']),
    trace: String(row['trace']),
    checkpoint: typeof row['note'] === 'string' ? row['note'] : undefined,
  };
}
