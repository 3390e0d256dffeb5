import { blake3Hash, parseStrict, verifyObject } from '@logline/canon-sign';
import { TlogError } from './errors.ts';
import { leafHash } from './leaf.ts';
import { verifyNote, type Vkey } from './note.ts';
import { type ProvenLeaf, parseProof, verifyProof } from './proof.ts';

/**
 * What the ledger promises about one span: the contract `receipt`, whose fields a test holds against these. They are written
 * here again so that the offline verifier needs no contracts and no schema compiler.
 * @see protocol §10
 */
export interface Receipt {
  readonly ts: string;
  readonly hash: string;
  readonly signature: string;
  readonly merkle: string;
  readonly this: string;
  readonly log: string;
  readonly index: number;
}

/** Longer texts are in no receipt: the contract's own bound of the proof. */
const MAX_TEXT_LENGTH = 65_536;

/** A receipt, the exact bytes of the span it is for, and the keys of the logs that the caller trusts. */
export interface ReceiptClaim {
  readonly receipt: Receipt;
  /** The canonical bytes of the signed span, as they were sent: the log's entry. */
  readonly spanBytes: Uint8Array;
  /** A log's key has the log's origin as its name, so the right one is found among several. */
  readonly vkeys: readonly Vkey[];
}

/** What a receipt has proved, with the signed note that the log cannot take back. */
export interface VerifiedReceipt extends ProvenLeaf {
  readonly checkpoint: string;
}

/** A size and root of one log that the caller has verified: a checkpoint, or what {@link verifyReceipt} returned. */
export interface TreeHead {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Uint8Array;
}

/**
 * What the receipt proves, once all of it holds: it is for this span, the log's key signed it, and the log's tree has the
 * span at the place it says. Pure and offline; safe on a receipt and a span from anywhere, in any shape.
 *
 * It does not say whose signature the span carries: that key is the registry's to name.
 *
 * @throws TlogError `MALFORMED_RECEIPT` as {@link parseReceipt} does
 * @throws TlogError `UNKNOWN_KEY` if none of `vkeys` is of the log that the receipt names
 * @throws TlogError `ENTRY_MISMATCH` if it is for other bytes, another span, or another index than its proof
 * @throws TlogError `SIGNATURE_INVALID` if the receipt or the checkpoint is not signed by that key, or the checkpoint has a false
 *   signature by another of `vkeys`
 * @throws TlogError of the proof, as `verifyProof` does
 * @see protocol §10, §2
 */
export function verifyReceipt({ receipt: given, spanBytes, vkeys }: ReceiptClaim): VerifiedReceipt {
  const receipt = parseReceipt(given);
  checkEntry(receipt, spanBytes);
  const vkey = signerOf(receipt, vkeys);
  const leaf = verifyProof(receipt.merkle, leafHash(spanBytes), { origin: receipt.log, vkeys: [vkey] });
  const { checkpoint } = parseProof(receipt.merkle);
  // while one key gives way to another both sign: neither line may be a false one
  if (vkeys.length > 1) verifyNote(checkpoint, vkeys);
  if (leaf.index !== BigInt(receipt.index)) {
    throw new TlogError(
      'ENTRY_MISMATCH',
      `the receipt is for entry ${receipt.index} and its proof for entry ${leaf.index}`,
    );
  }
  return { ...leaf, checkpoint };
}

/**
 * A receipt out of what `JSON.parse` gave, from whatever source: each field there and of its type, `ts` an instant, lengths
 * bounded. Nothing of it is verified. Other fields come along, because the log's signature covers them.
 * @throws TlogError `MALFORMED_RECEIPT` for anything else, objects that JSON cannot say among it
 */
export function parseReceipt(value: unknown): Receipt {
  const receipt = copyOf(value);
  const { ts, hash, signature, merkle, this: id, log, index } = receipt;
  const isText = [ts, hash, signature, merkle, id, log].every(
    (text) => typeof text === 'string' && text.length <= MAX_TEXT_LENGTH,
  );
  if (!isText || !Number.isSafeInteger(index) || Number(index) < 0) {
    throw new TlogError(
      'MALFORMED_RECEIPT',
      'a receipt has ts, hash, signature, merkle, this and log as text, and an index',
    );
  }
  if (!isInstant(String(ts)))
    throw new TlogError('MALFORMED_RECEIPT', 'the log time of the receipt is no instant');
  return {
    ...receipt,
    ts: String(ts),
    hash: String(hash),
    signature: String(signature),
    merkle: String(merkle),
    this: String(id),
    log: String(log),
    index: Number(index),
  };
}

/** Its fields read once, so that what is checked is what is verified. */
function copyOf(value: unknown): Readonly<Record<string, unknown>> {
  try {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    // a getter or a proxy of the caller's page
    throw new TlogError('MALFORMED_RECEIPT', 'the receipt cannot be read', { cause });
  }
  throw new TlogError('MALFORMED_RECEIPT', 'a receipt is an object');
}

const INSTANT = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;

/** As the contracts have it: a day that the calendar has, in UTC, to the second or the millisecond. */
function isInstant(text: string): boolean {
  const [, day] = INSTANT.exec(text) ?? [];
  const ms = Date.parse(text);
  return day !== undefined && !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

function checkEntry(receipt: Receipt, spanBytes: Uint8Array): void {
  // from a page without types it may be text; not instanceof, which knows only the arrays of its own window
  if (!ArrayBuffer.isView(spanBytes)) throw new TlogError('ENTRY_MISMATCH', 'the span is given as bytes');
  if (blake3Hash(spanBytes) !== receipt.hash)
    throw new TlogError('ENTRY_MISMATCH', 'the receipt is for other bytes than those of this span');
  if (spanId(spanBytes) !== receipt.this)
    throw new TlogError('ENTRY_MISMATCH', 'the receipt names another span than the one it is for');
}

function spanId(spanBytes: Uint8Array): unknown {
  try {
    const span = parseStrict(spanBytes);
    return typeof span === 'object' && span !== null && 'this' in span ? span.this : undefined;
  } catch (cause) {
    throw new TlogError('ENTRY_MISMATCH', 'the entry is not a span', { cause });
  }
}

/** The key that signed the receipt, among those named as its log. Names are compared whole. */
function signerOf(receipt: Receipt, vkeys: readonly Vkey[]): Vkey {
  const candidates = vkeys.filter(({ name }) => name === receipt.log);
  if (candidates.length === 0)
    throw new TlogError('UNKNOWN_KEY', 'no key that is trusted here is of the log that the receipt names');
  let cause: unknown;
  for (const vkey of candidates) {
    try {
      verifyObject('receipt', receipt, vkey.publicKey);
      return vkey;
    } catch (error) {
      cause = error;
    }
  }
  throw new TlogError('SIGNATURE_INVALID', 'the receipt is not signed by the key of its log', { cause });
}
