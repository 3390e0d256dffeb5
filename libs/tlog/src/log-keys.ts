import { CanonError, parseStrict, verifyObject } from '@logline/canon-sign';
import type { Receipt } from './receipt.ts';
import { TlogError } from './errors.ts';
import { formatVkey, parseVkey, verifyNote, type Vkey } from './note.ts';
import { verifyReceipt, type VerifiedReceipt } from './receipt.ts';

/** A key of a log, and the log time from which receipts and checkpoints are signed by it. */
export interface LogKey {
  readonly vkey: Vkey;
  /** Milliseconds UTC; 0 for the key that the caller pinned. */
  readonly fromMs: number;
}

/** The keys of one log in the order they follow each other: the pinned one, and those that rotations have led to. Never empty. */
export type LogKeys = readonly [LogKey, ...LogKey[]];

/** A receipt and the exact bytes of the span it is for. */
export type Evidence = { readonly receipt: Receipt; readonly spanBytes: Uint8Array };

/** Begins with the one key that is trusted without proof. */
export function pinLogKey(vkey: Vkey): LogKeys {
  return [{ vkey, fromMs: 0 }];
}

/** The one key whose word counts at a log time. */
export function logKeyAt(keys: LogKeys, timeMs: number): Vkey {
  return (keys.findLast(({ fromMs }) => fromMs <= timeMs) ?? keys[0]).vkey;
}

/**
 * The keys that may sign from a log time on: the one in force then, and what follows. For a checkpoint, which has no time of its own: one that is
 * no smaller than a tree of that time is no older either.
 */
export function logKeysFrom(keys: LogKeys, timeMs: number): LogKeys {
  const [first, ...rest] = keys.slice(
    Math.max(
      0,
      keys.findLastIndex(({ fromMs }) => fromMs <= timeMs),
    ),
  );
  return first === undefined ? keys : [first, ...rest];
}

/**
 * As `verifyReceipt`, by the one key that signs at the receipt's own log time: an old receipt holds for ever by the old key, which
 * is refused for anything later. Where the next key has signed the checkpoint as well, its signature must be true.
 *
 * @throws TlogError as `verifyReceipt` does
 * @see decision 0014
 */
export function verifyReceiptInTime({ receipt, spanBytes }: Evidence, keys: LogKeys): VerifiedReceipt {
  const verified = verifyReceipt({ receipt, spanBytes, vkeys: [logKeyAt(keys, timeOf(receipt))] });
  verifyNote(
    verified.checkpoint,
    keys.map(({ vkey }) => vkey),
  );
  return verified;
}

/**
 * The keys of the log with the one that this rotation introduces, once it is shown to be in the log by the key in force. The new key has
 * agreed itself (`possession`). A rotation that is known already changes nothing, so the same evidence may be given again.
 *
 * It does not say whose signature the span carries: that an operator signed it is what gate and ledger have vouched for by logging it.
 *
 * @param evidence - of a `registry.log.rotated`; in the order of the log when there are several
 * @throws TlogError as `verifyReceipt` does; `MALFORMED_ROTATION` if the span is no rotation, does not follow the key in force, or names a
 *   key that has not agreed
 */
export function verifyRotation(evidence: Evidence, keys: LogKeys): LogKeys {
  const { receipt, spanBytes } = evidence;
  verifyReceiptInTime(evidence, keys);
  const { previous, next, fromMs } = parseRotation(spanBytes, receipt);
  if (keys.some((key) => key.fromMs === fromMs && isSame(key.vkey, next))) return keys;
  const latest = keys[keys.length - 1] ?? keys[0];
  if (!isSame(previous, latest.vkey)) throw malformed('it does not follow the newest key that is known');
  if (keys.some(({ vkey }) => isSame(vkey, next))) throw malformed('a key does not come back');
  // at once or in the past would let the rotation speak about what is signed already
  if (fromMs <= timeOf(receipt) || fromMs <= latest.fromMs)
    throw malformed('the new key would sign before it was introduced');
  return [...keys, { vkey: next, fromMs }];
}

function parseRotation(
  spanBytes: Uint8Array,
  { log }: Receipt,
): { readonly previous: Vkey; readonly next: Vkey; readonly fromMs: number } {
  const { intent, subject, payload } = fieldsOf(parseStrict(spanBytes)); // canonical: its receipt holds
  if (intent !== 'registry.log.rotated') throw malformed('it is no registry.log.rotated');
  const { origin, previous, log_key, from } = fieldsOf(payload);
  if (origin !== log || subject !== `urn:tenant:${log.slice(log.lastIndexOf('/') + 1)}`)
    throw malformed('it is about another log than its own');
  if (typeof previous !== 'string' || typeof log_key !== 'string') throw malformed('it names no two keys');
  const next = parseVkey(log_key);
  if (next.name !== log) throw malformed('the new key is of another log');
  const fromMs = typeof from === 'string' ? parseTime(from) : null;
  if (fromMs === null) throw malformed('it says no time from which the new key signs');
  try {
    verifyObject('possession', payload, next.publicKey);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw malformed('the new key has not agreed', cause);
  }
  return { previous: parseVkey(previous), next, fromMs };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  // a reading of fields that are each checked; what is no object has none
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function timeOf(receipt: Receipt): number {
  const ms = parseTime(fieldsOf(receipt)['ts']); // often from a file that nobody has parsed
  if (ms === null) throw new TlogError('MALFORMED_RECEIPT', 'the receipt has no time');
  return ms;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

function parseTime(text: unknown): number | null {
  const ms = typeof text === 'string' && TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function isSame(one: Vkey, other: Vkey): boolean {
  return formatVkey(one.name, one.publicKey) === formatVkey(other.name, other.publicKey);
}

function malformed(why: string, cause?: unknown): TlogError {
  return new TlogError('MALFORMED_ROTATION', `the rotation does not count: ${why}`, { cause });
}
