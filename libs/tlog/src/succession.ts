import { CanonError, canonicalBytes, type JsonValue, parseStrict } from '@logline/canon-sign';
import { TlogError } from './errors.ts';
import { type Evidence, type LogKeys, pinLogKey, verifyRotation } from './log-keys.ts';
import { formatVkey, parseNote, parseVkey, type Vkey } from './note.ts';
import { parseReceipt, type Receipt } from './receipt.ts';

/** The keys of one log from the pinned one on, and the rotations that prove each step. A value: following gives a new one. */
export interface Succession {
  readonly keys: LogKeys;
  /** In the order of the log; one for each key after the first. */
  readonly rotations: readonly Evidence[];
}

/** A rotation as JSON: the span as it was logged, and its receipt. What `GET /v1/log/<tenant>/rotations` answers a list of. */
export interface LoggedRotation {
  readonly span: JsonValue;
  readonly receipt: Receipt;
}

/** A succession as JSON, for a file. It proves itself again when it is read, so whoever keeps it need not be trusted. */
export interface StoredSuccession {
  /** The pinned verifier key. */
  readonly log_key: string;
  readonly rotations: readonly LoggedRotation[];
}

/** Begins with the one key that is trusted without proof. */
export function beginSuccession(vkey: Vkey): Succession {
  return { keys: pinLogKey(vkey), rotations: [] };
}

/**
 * The succession with all rotations that go on from its newest key; the same value when there are none. What comes before that key is passed
 * over: whoever has pinned a later key does not go back.
 *
 * @param found - all rotations that somebody says the log has, oldest first; nothing of them is believed
 * @throws TlogError as `verifyRotation` does, for the first one that does not follow
 */
export function followRotations(succession: Succession, found: readonly Evidence[]): Succession {
  const newest = succession.keys.at(-1) ?? succession.keys[0];
  const known = found.findLastIndex(({ spanBytes }) => namesKey(spanBytes, newest.vkey));
  return found.slice(known + 1).reduce<Succession>((before, evidence) => {
    const keys = verifyRotation(evidence, before.keys);
    return keys === before.keys ? before : { keys, rotations: [...before.rotations, evidence] };
  }, succession);
}

/**
 * Key ids by which the log itself has signed a note and which are not among `keys`: a rotation may lead to them, or they came before the pin.
 * @throws TlogError `MALFORMED_NOTE`
 */
export function unknownKeyIds(note: string, keys: LogKeys): readonly string[] {
  const { name } = keys[0].vkey;
  return parseNote(note)
    .signatures.filter((line) => line.name === name && !keys.some(({ vkey }) => vkey.keyId === line.keyId))
    .map(({ keyId }) => keyId);
}

/** Pairs with {@link parseSuccession}. */
export function formatSuccession({ keys, rotations }: Succession): StoredSuccession {
  const { name, publicKey } = keys[0].vkey;
  return {
    log_key: formatVkey(name, publicKey),
    rotations: rotations.map(toLogged),
  };
}

/** The file beside a log's `checkpoint` that says which keys the log has gone through. Ours, and no part of C2SP. */
export const ROTATIONS_FILE = 'rotations';

/** What that file holds, so that a copy of a log leads whoever pinned its first key to the one that signed it. Pairs with {@link parseRotations}. */
export function formatRotations(rotations: readonly Evidence[]): string {
  return `${JSON.stringify({ rotations: rotations.map(toLogged) })}\n`;
}

function toLogged({ spanBytes, receipt }: Evidence): LoggedRotation {
  return { span: parseStrict(spanBytes), receipt };
}

/**
 * The succession in a file, each step proven again from its first key on.
 * @throws TlogError `MALFORMED_SUCCESSION` if it has another form, `MALFORMED_KEY`, and as `verifyRotation` does
 */
export function parseSuccession(value: unknown): Succession {
  if (!isObject(value) || typeof value['log_key'] !== 'string')
    throw malformed('a succession is a log_key and the rotations that lead on from it');
  return followRotations(beginSuccession(parseVkey(value['log_key'])), parseRotations(value));
}

/**
 * The rotations in `{rotations: [{span, receipt}]}`, none of them verified; other fields are passed over.
 * @throws TlogError `MALFORMED_SUCCESSION`, `MALFORMED_RECEIPT`
 */
export function parseRotations(value: unknown): readonly Evidence[] {
  const list = isObject(value) ? value['rotations'] : undefined;
  if (!Array.isArray(list)) throw malformed('there is no list of rotations');
  return list.map((item: unknown) => {
    if (!isObject(item)) throw malformed('a rotation is a span and its receipt');
    return { spanBytes: bytesOf(item['span']), receipt: parseReceipt(item['receipt']) };
  });
}

function bytesOf(span: unknown): Uint8Array {
  try {
    return canonicalBytes(span);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw malformed('a rotation has no readable span', cause);
  }
}

function namesKey(spanBytes: Uint8Array, { name, publicKey }: Vkey): boolean {
  try {
    const span: unknown = parseStrict(spanBytes);
    const payload = isObject(span) ? span['payload'] : undefined;
    return isObject(payload) && payload['log_key'] === formatVkey(name, publicKey);
  } catch (error) {
    if (error instanceof CanonError) return false; // verifying it says what is wrong
    throw error;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(why: string, cause?: unknown): TlogError {
  return new TlogError('MALFORMED_SUCCESSION', why, { cause });
}
