import type { StoredLog } from '../storage/load-logs.ts';
import type { RawRow, RawSql } from '../storage/raw-connection.ts';
import { readViewSize, VIEW_TABLES, type ViewTable } from '../storage/read-view-rows.ts';
import type { Fault } from './fault.ts';

const PAGE = 1_024;

/**
 * The first index at which the projector stored something else than the log says: spans, checkpoints, tiles. It may lag behind, so `views` must see a
 * moment that is no later than that of `sql`; what it has beyond the log's end is a fault. @throws PostgresError
 */
export async function compareViews(sql: RawSql, views: RawSql, log: StoredLog): Promise<Fault | undefined> {
  const size = await readViewSize(views, log.tenant);
  for (let from = 0; from < Math.min(size, log.size); from += PAGE) {
    const to = Math.min(size, from + PAGE);
    for (const table of VIEW_TABLES) {
      const [ours, theirs] = await Promise.all([
        sql.raw(table.ledger, [log.logId, from, to]),
        views.raw(table.views, [log.tenant, from, to]),
      ]);
      const fault = firstFault(table, ours, theirs);
      if (fault !== undefined) return fault;
    }
  }
  return size <= log.size
    ? undefined
    : {
        index: log.size,
        column: 'views.log.size',
        why: `the views know ${size} entries, the log ${log.size}`,
      };
}

function firstFault(
  { table, columns, indexOf }: ViewTable,
  ours: readonly RawRow[],
  theirs: readonly RawRow[],
): Fault | undefined {
  for (const [nth, row] of ours.entries()) {
    const other = theirs[nth];
    const at = row.findIndex((value, column) => !isSame(value, other?.[column]));
    if (at !== -1)
      return {
        index: indexOf(row),
        column: `views.${table}.${other === undefined ? '*' : (columns[at] ?? '')}`,
        why: other === undefined ? 'the row is missing' : 'it is not what the log says',
      };
  }
  const more = theirs[ours.length];
  return more === undefined
    ? undefined
    : { index: indexOf(more), column: `views.${table}.*`, why: 'the log has no such row' };
}

function isSame(one: Buffer | null, other: Buffer | null | undefined): boolean {
  return one === null || other === null || other === undefined ? one === other : one.equals(other);
}
