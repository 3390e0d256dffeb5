import { LOG_KEY_WRITE, parseInstant } from '@logline/contracts';
import type { Entry } from './entry.ts';

export const TENANT_CREATED = 'registry.tenant.created';
export const LOG_ROTATED = 'registry.log.rotated';

/** By which keys, written as verifier keys, a log is signed: as its birth and its newest rotation say. */
export type LogKeys = {
  readonly key: string;
  /** Follows `key` at this log time. */
  readonly next?: { readonly key: string; readonly fromMs: number };
};

/** What a log of this ledger is called, and the keys that the ledger holds for it. */
export type LogName = {
  readonly origin: string;
  readonly logKey: string;
  /** The second key of the overlap, where there is one. */
  readonly otherLogKey?: string | undefined;
};

/** The key that signs receipts at a log time. */
export function keyAt({ key, next }: LogKeys, timeMs: number): string {
  return next !== undefined && next.fromMs <= timeMs ? next.key : key;
}

export function isHeld({ logKey, otherLogKey }: LogName, key: string): boolean {
  return key === logKey || key === otherLogKey;
}

/** The keys of a log after an entry: that of its birth, those of a rotation, or as they were. */
export function keysAfter(before: LogKeys | undefined, { intent, payload }: Entry): LogKeys | undefined {
  const { log_key, previous, from } = payload;
  if (intent === TENANT_CREATED && typeof log_key === 'string') return { key: log_key };
  if (intent !== LOG_ROTATED || typeof log_key !== 'string' || typeof previous !== 'string') return before;
  const fromMs = typeof from === 'string' ? parseInstant(from) : null;
  return fromMs === null ? before : { key: previous, next: { key: log_key, fromMs } };
}

/** A key that a log itself names, and the log time from which it signs; 0 for that of its birth. */
export type NamedKey = { readonly key: string; readonly fromMs: number };

/** The keys of a log in the order they follow each other, by its birth and its rotations; what does not follow is passed over. */
export function namedKeys(entries: Iterable<Entry>): readonly NamedKey[] {
  const keys: NamedKey[] = [];
  for (const entry of entries) {
    const after = keysAfter(undefined, entry);
    const last = keys.at(-1);
    if (after === undefined) continue;
    if (last === undefined && after.next === undefined) keys.push({ key: after.key, fromMs: 0 });
    if (last?.key === after.key && after.next !== undefined && after.next.fromMs > last.fromMs)
      keys.push(after.next);
  }
  return keys;
}

export type RotationFault =
  | 'another rotation is under way'
  | 'previous is not the key in force'
  | 'from is not in the future'
  | 'unmarked';

/**
 * Why a rotation cannot be committed at this log time; undefined when it can. The gate has said so by its own clock; what counts is the log's.
 * @param writes - what the verdict marks as written: a rotation that is not marked could not be found again
 */
export function rotationFault(
  entry: Entry,
  keys: LogKeys,
  timeMs: number,
  writes: readonly string[],
): RotationFault | undefined {
  const after = keysAfter(undefined, entry);
  if (keys.next !== undefined && keys.next.fromMs > timeMs) return 'another rotation is under way';
  if (after?.key !== keyAt(keys, timeMs)) return 'previous is not the key in force';
  if (after.next === undefined || after.next.fromMs <= timeMs) return 'from is not in the future';
  return writes.includes(LOG_KEY_WRITE) ? undefined : 'unmarked';
}
