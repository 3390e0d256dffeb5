import { isValidSignature } from '@logline/canon-sign';
import type { Vkey } from '@logline/tlog';
import { chainMessage, type CommitLink, MARK_BYTES, marksOf, TRAILER_BYTES } from '../domain/commit-chain.ts';
import { parseEntry } from '../domain/entry.ts';
import { type CheckpointRow } from '../storage/read-checkpoint-page.ts';
import { readEntryPage } from '../storage/read-entry-page.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import { isSignedBy, isSignedNote } from './check-page.ts';
import type { Fault } from './fault.ts';

/** A commit of which something does not fit. */
export type Suspect = {
  readonly log: { readonly logId: number; readonly tenant: string; readonly origin: string };
  readonly vkeys: readonly Vkey[];
  /** Index of its first entry. */
  readonly first: number;
  readonly commit: CheckpointRow;
  readonly trailers: Uint8Array;
  readonly before: CommitLink | undefined;
};

/** Which entry of the commit, and which column, when its link is not that of what is stored: from what names it best to what names it least. */
export async function diagnoseLink(sql: RawSql, suspect: Suspect, chain: Uint8Array): Promise<Fault> {
  const { log, vkeys, first, commit, trailers, before } = suspect;
  const { link, size } = commit;
  const missing = trailers.length / TRAILER_BYTES - (link?.marks.length ?? 0) / MARK_BYTES;
  if (missing > 0)
    return {
      index: first + missing - 1,
      column: 'checkpoint.size',
      why: `the checkpoint of size ${first + missing} is missing`,
    };
  const marked = firstDifference(marksOf(trailers), link?.marks ?? new Uint8Array(0), MARK_BYTES);
  if (marked !== undefined) return await diagnoseEntry(sql, suspect, first + marked);
  if (!isSignedNote(commit.note, log.origin, vkeys))
    return { index: size - 1, column: 'checkpoint.note', why: 'it is not signed by the log' };
  if (before !== undefined && !isSignedLink(log.origin, first, before, vkeys))
    return { index: first - 1, column: 'checkpoint.chain_signature', why: 'it is not that of the link' };
  const receipts = await findUnsigned(sql, suspect);
  if (receipts !== undefined) return receipts;
  const isSigned =
    link !== undefined && isSignedLink(log.origin, size, { chain, signature: link.signature }, vkeys);
  return isSigned
    ? { index: size - 1, column: 'checkpoint.chain', why: 'it is not that of the commit' }
    : {
        index: first,
        column: 'entry.trace, entry.verdict_of, checkpoint.marks',
        why: `of entries ${first} to ${size - 1} not all is stored as it was committed`,
      };
}

/** The first entry of a commit whose receipt the log has not signed; undefined when all are. */
export async function findUnsigned(sql: RawSql, suspect: Suspect): Promise<Fault | undefined> {
  const { log, first, commit } = suspect;
  for (const row of await readEntryPage(sql, log.logId, first, commit.size)) {
    const { index, timeMs, bytes, signature } = row;
    if (bytes === null || signature === null) continue; // checked before
    const entry = parseEntry(bytes, log.tenant);
    if (!isSignedBy(suspect.vkeys, log.origin, entry, index, timeMs, signature))
      return { index, column: 'entry', why: 'it is not the entry that the log gave a receipt for' };
  }
  return undefined;
}

async function diagnoseEntry(sql: RawSql, suspect: Suspect, index: number): Promise<Fault> {
  const { log, vkeys } = suspect;
  const [row] = await readEntryPage(sql, log.logId, index, index + 1);
  if (row?.bytes && row.signature) {
    const entry = parseEntry(row.bytes, log.tenant);
    if (!isSignedBy(vkeys, log.origin, entry, index, row.timeMs, row.signature))
      return {
        index,
        column: 'entry.receipt_signature, entry.ts_ms',
        why: 'the receipt is not signed by the log',
      };
  }
  return { index, column: 'entry.trace, entry.verdict_of', why: 'it is not what was committed' };
}

export function isSignedLink(
  origin: string,
  size: number,
  { chain, signature }: CommitLink,
  vkeys: readonly Vkey[],
): boolean {
  const message = chainMessage(origin, size, chain);
  return vkeys.some(({ publicKey }) => isValidSignature(publicKey, message, signature));
}

/** Position of the first item of this width in which the two differ; undefined when they are the same. */
export function firstDifference(one: Uint8Array, other: Uint8Array, width: number): number | undefined {
  if (Buffer.compare(one, other) === 0) return undefined;
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return Math.floor(at / width);
  return Math.floor(length / width);
}
