import { int8Of } from './read-entry-page.ts';
import type { RawSql } from './raw-connection.ts';

const READ_HEADS = `
SELECT subject, this::text FROM head WHERE log_id = $1 AND subject > $2 ORDER BY subject LIMIT $3`;

export type HeadRow = { readonly subject: string; readonly uuid: string };

/** Heads of a log behind a subject, in its order; the first page is behind ''. */
export async function readHeads(
  sql: RawSql,
  logId: number,
  behind: string,
  limit: number,
): Promise<readonly HeadRow[]> {
  return (await sql.raw(READ_HEADS, [logId, behind, limit])).map(([subject, uuid]) => ({
    subject: subject?.toString('utf8') ?? '',
    uuid: uuid?.toString('utf8') ?? '',
  }));
}

const FIND_SPAN = { name: 'find_span', text: 'SELECT idx FROM entry WHERE log_id = $1 AND this = $2::uuid' };

/** Where the log has that span; undefined when it has not. */
export async function indexOfSpan(sql: RawSql, logId: number, uuid: string): Promise<number | undefined> {
  const [row] = (await sql.run(FIND_SPAN, [logId, uuid])).rows;
  return row === undefined ? undefined : Number(row['idx']);
}

/** What a row of a table of decisions says that cannot be: the entry it stands for does not exist, or is younger. */
export type Impossible = {
  readonly logId: number;
  readonly table: string;
  readonly index: number;
  readonly what: string;
};

/** Each table is read once for all logs: asked log by log, PostgreSQL may read the whole table for each. */
const FIND_IMPOSSIBLE = `
SELECT 'key_write.idx', r.* FROM (SELECT DISTINCT ON (w.log_id) w.log_id::bigint, w.idx, w.key FROM key_write w JOIN log l USING (log_id)
  WHERE w.idx < 0 OR w.idx >= l.size ORDER BY w.log_id, w.idx) AS r
UNION ALL
SELECT 'idempotency.idx', r.* FROM (SELECT DISTINCT ON (i.log_id) i.log_id::bigint, i.idx, i.key FROM idempotency i JOIN log l USING (log_id)
  WHERE i.idx < 0 OR i.idx >= l.size ORDER BY i.log_id, i.idx) AS r
UNION ALL
SELECT 'nonce.idx', r.* FROM (SELECT DISTINCT ON (o.log_id) o.log_id::bigint, o.idx, o.nonce FROM nonce o JOIN log l USING (log_id)
  WHERE o.idx < 0 OR o.idx >= l.size ORDER BY o.log_id, o.idx) AS r
UNION ALL
SELECT 'idempotency.ts_ms', r.* FROM (SELECT DISTINCT ON (i.log_id) i.log_id::bigint, i.idx, i.key FROM idempotency i JOIN entry e USING (log_id, idx)
  WHERE i.ts_ms > e.ts_ms ORDER BY i.log_id, i.idx) AS r
UNION ALL
SELECT 'nonce.ts_ms', r.* FROM (SELECT DISTINCT ON (o.log_id) o.log_id::bigint, o.idx, o.nonce FROM nonce o JOIN entry e USING (log_id, idx)
  WHERE o.ts_ms > e.ts_ms ORDER BY o.log_id, o.idx) AS r`;

/** Of each table and log the first. */
export async function findImpossible(sql: RawSql): Promise<readonly Impossible[]> {
  return (await sql.raw(FIND_IMPOSSIBLE, [])).map(([table, logId, index, what]) => ({
    logId: int8Of(logId),
    table: table?.toString('utf8') ?? '',
    index: int8Of(index),
    what: what?.toString('utf8') ?? '',
  }));
}
