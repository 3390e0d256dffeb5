import type { MarkedLink } from '../domain/commit-chain.ts';
import { int8Of } from './read-entry-page.ts';
import type { RawSql } from './raw-connection.ts';

/** A commit as it is stored. */
export type CheckpointRow = {
  /** Of the log after the commit. */
  readonly size: number;
  readonly note: string;
  /** Undefined for a commit older than the chain. */
  readonly link: MarkedLink | undefined;
};

const READ_CHECKPOINT_PAGE = `
(SELECT size, note, chain, chain_signature, marks FROM checkpoint WHERE log_id = $1 AND size > $2 AND size <= $3)
UNION ALL
(SELECT size, note, chain, chain_signature, marks FROM checkpoint WHERE log_id = $1 AND size > $3 ORDER BY size LIMIT 1)
ORDER BY size`;

/** The commits that entries `[from, to)` were part of, in order: the last of them may end behind `to`. */
export async function readCheckpointPage(
  sql: RawSql,
  logId: number,
  from: number,
  to: number,
): Promise<readonly CheckpointRow[]> {
  const rows = await sql.raw(READ_CHECKPOINT_PAGE, [logId, from, to]);
  return rows.map(([size, note, chain, signature, marks]) => ({
    size: int8Of(size),
    note: note?.toString('utf8') ?? '',
    link: chain && signature && marks ? { chain, signature, marks } : undefined,
  }));
}
