import type { RawRow, RawSql } from './raw-connection.ts';

/** An entry's row as it is stored, before anything is believed of it. Null where a column is NULL that must not be, or has another width. */
export type EntryRow = {
  readonly index: number;
  readonly timeMs: number;
  readonly verdictOf: number | undefined;
  /** 16 bytes. */
  readonly uuid: Buffer | null;
  readonly hash: Buffer | null;
  readonly leaf: Buffer | null;
  readonly signature: Buffer | null;
  readonly trace: Buffer | null;
  readonly bytes: Buffer | null;
};

const READ_ENTRY_PAGE = `
SELECT idx, ts_ms, verdict_of, this, hash, leaf, receipt_signature, trace, bytes
  FROM entry WHERE log_id = $1 AND idx >= $2 AND idx < $3 ORDER BY idx`;

/** The rows of a log in `[from, to)`, in order; those that are missing are missing. */
export async function readEntryPage(
  sql: RawSql,
  logId: number,
  from: number,
  to: number,
): Promise<readonly EntryRow[]> {
  return (await sql.raw(READ_ENTRY_PAGE, [logId, from, to])).map(parseEntryRow);
}

function parseEntryRow(row: RawRow): EntryRow {
  const [index, timeMs, verdictOf, uuid, hash, leaf, signature, trace, bytes] = row;
  return {
    index: int8Of(index),
    timeMs: int8Of(timeMs),
    verdictOf: verdictOf === null ? undefined : int8Of(verdictOf),
    uuid: widthOf(uuid, 16),
    hash: widthOf(hash, 32),
    leaf: widthOf(leaf, 32),
    signature: widthOf(signature, 64),
    trace: widthOf(trace, 16),
    bytes: bytes ?? null,
  };
}

/** −1 for NULL. Beyond 2^53 it is inexact, and no index or time that anything could agree with. */
export function int8Of(value: Buffer | null | undefined): number {
  return value?.length === 8 ? Number(value.readBigInt64BE()) : -1;
}

function widthOf(value: Buffer | null | undefined, width: number): Buffer | null {
  return value?.length === width ? value : null;
}
