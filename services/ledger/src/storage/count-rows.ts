import { int8Of } from './read-entry-page.ts';
import type { RawSql } from './raw-connection.ts';

/** How many rows a log has, and how far they reach: the last index, the last size, the last tile of a level. */
export type RowCount = {
  readonly table: 'entry' | 'checkpoint' | 'tile';
  readonly logId: number;
  /** Of tiles. */
  readonly level: number;
  readonly count: number;
  readonly last: number;
};

const COUNT_ROWS = `
SELECT 0::bigint, log_id::bigint, 0::bigint, count(*), max(idx) FROM entry GROUP BY log_id
UNION ALL
SELECT 1, log_id, 0, count(*), max(size) FROM checkpoint GROUP BY log_id
UNION ALL
SELECT 2, log_id, level, count(*), max(n) FROM tile GROUP BY log_id, level`;

/** Of every log that has any row, also of one that has lost its own. */
export async function countRows(sql: RawSql): Promise<readonly RowCount[]> {
  return (await sql.raw(COUNT_ROWS, [])).map(([kind, logId, level, count, last]) => ({
    table: TABLES[int8Of(kind)] ?? 'entry',
    logId: int8Of(logId),
    level: int8Of(level),
    count: int8Of(count),
    last: int8Of(last),
  }));
}
const TABLES = ['entry', 'checkpoint', 'tile'] as const;

const FIND_DUPLICATES = `
SELECT log_id::bigint, max(idx) FROM entry GROUP BY log_id, this HAVING count(*) > 1 ORDER BY log_id, max(idx) LIMIT 1000`;

/** Indexes at which a span stands that the log has already, by reading the table itself: an index that is broken does not know. */
export async function findDuplicates(sql: RawSql): Promise<readonly { logId: number; index: number }[]> {
  return (await sql.raw(FIND_DUPLICATES, [])).map(([logId, index]) => ({
    logId: int8Of(logId),
    index: int8Of(index),
  }));
}
