import { int8Of } from './read-entry-page.ts';
import type { RawSql } from './raw-connection.ts';

const READ_HEADS = `
SELECT h.subject, h.this::text, e.idx FROM head h LEFT JOIN entry e ON e.log_id = h.log_id AND e.this = h.this
 WHERE h.log_id = $1 AND h.subject > $2 ORDER BY h.subject LIMIT $3`;

export type HeadRow = { readonly subject: string; readonly uuid: string; readonly index: number | undefined };

/** Heads of a log behind a subject, in its order; the first page is behind ''. `index` is where the log has that span. */
export async function readHeads(
  sql: RawSql,
  logId: number,
  behind: string,
  limit: number,
): Promise<readonly HeadRow[]> {
  return (await sql.raw(READ_HEADS, [logId, behind, limit])).map(([subject, uuid, index]) => ({
    subject: subject?.toString('utf8') ?? '',
    uuid: uuid?.toString('utf8') ?? '',
    index: index === null ? undefined : int8Of(index),
  }));
}

/** What a row of a table of decisions says that cannot be: the entry it stands for does not exist, or is younger. */
export type Impossible = { readonly table: string; readonly index: number; readonly what: string };

const FIND_IMPOSSIBLE = `
(SELECT 'key_write.idx', w.idx, w.key FROM key_write w WHERE w.log_id = $1 AND (w.idx < 0 OR w.idx >= $2) LIMIT 1)
UNION ALL
(SELECT 'idempotency.idx', i.idx, i.key FROM idempotency i WHERE i.log_id = $1 AND (i.idx < 0 OR i.idx >= $2) LIMIT 1)
UNION ALL
(SELECT 'nonce.idx', o.idx, o.nonce FROM nonce o WHERE o.log_id = $1 AND (o.idx < 0 OR o.idx >= $2) LIMIT 1)
UNION ALL
(SELECT 'idempotency.ts_ms', i.idx, i.key FROM idempotency i JOIN entry e ON e.log_id = i.log_id AND e.idx = i.idx
  WHERE i.log_id = $1 AND i.ts_ms > e.ts_ms ORDER BY i.idx LIMIT 1)
UNION ALL
(SELECT 'nonce.ts_ms', o.idx, o.nonce FROM nonce o JOIN entry e ON e.log_id = o.log_id AND e.idx = o.idx
  WHERE o.log_id = $1 AND o.ts_ms > e.ts_ms ORDER BY o.idx LIMIT 1)`;

export async function findImpossible(
  sql: RawSql,
  logId: number,
  size: number,
): Promise<readonly Impossible[]> {
  return (await sql.raw(FIND_IMPOSSIBLE, [logId, size])).map(([table, index, what]) => ({
    table: table?.toString('utf8') ?? '',
    index: int8Of(index),
    what: what?.toString('utf8') ?? '',
  }));
}
