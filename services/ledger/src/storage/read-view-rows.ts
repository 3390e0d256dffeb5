import { int8Of } from './read-entry-page.ts';
import type { RawRow, RawSql } from './raw-connection.ts';

/** What the projector stored of a page of one log, and what it should have: the same columns of both databases, in the same order. */
export type ViewTable = {
  readonly table: string;
  readonly columns: readonly string[];
  /** `$1` is the log's id, entries `[$2, $3)` the page. */
  readonly ledger: string;
  /** `$1` is the tenant. */
  readonly views: string;
  /** Log index of a row. */
  readonly indexOf: (row: RawRow) => number;
};

export const VIEW_TABLES: readonly ViewTable[] = [
  {
    table: 'span',
    columns: ['idx', 'this', 'log_time_ms', 'leaf', 'receipt_signature', 'bytes', 'intent', 'subject'],
    ledger: `
SELECT idx, 'urn:span:' || this::text, ts_ms, leaf, translate(encode(receipt_signature, 'base64'), E'\\n', ''), bytes,
       convert_from(bytes, 'UTF8')::json ->> 'intent', convert_from(bytes, 'UTF8')::json ->> 'subject'
  FROM entry WHERE log_id = $1 AND idx >= $2 AND idx < $3 ORDER BY idx`,
    views: `
SELECT idx, this, log_time_ms, leaf, receipt_signature, bytes, intent, subject
  FROM span WHERE tenant = $1 AND idx >= $2 AND idx < $3 ORDER BY idx`,
    indexOf: ([index]) => int8Of(index),
  },
  {
    table: 'checkpoint',
    columns: ['size', 'note'],
    ledger: 'SELECT size, note FROM checkpoint WHERE log_id = $1 AND size > $2 AND size <= $3 ORDER BY size',
    views: 'SELECT size, note FROM checkpoint WHERE tenant = $1 AND size > $2 AND size <= $3 ORDER BY size',
    indexOf: ([size]) => int8Of(size) - 1,
  },
  {
    table: 'tile',
    columns: ['level', 'n', 'hashes', 'root'],
    ledger: `
SELECT level::bigint, n, hashes, hash FROM tile
 WHERE log_id = $1 AND (n + 1) << (8 * (level + 1)) > $2 AND (n + 1) << (8 * (level + 1)) <= $3 ORDER BY level, n`,
    views: `
SELECT level::bigint, n, hashes, root FROM tile
 WHERE tenant = $1 AND (n + 1) << (8 * (level + 1)) > $2 AND (n + 1) << (8 * (level + 1)) <= $3 ORDER BY level, n`,
    indexOf: ([level, n]) => int8Of(n) * 256 ** (int8Of(level) + 1),
  },
];

/** How large the projector's log of a tenant is; 0 where it has none. */
export async function readViewSize(views: RawSql, tenant: string): Promise<number> {
  const [row] = await views.raw('SELECT size FROM log WHERE tenant = $1', [tenant]);
  return row === undefined ? 0 : int8Of(row[0]);
}
