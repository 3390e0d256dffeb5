import { blake3Hash, parseStrict, verifyObject } from '@logline/canon-sign';
import type { Receipt } from '@logline/contracts';
import { verifyConsistency } from './consistency.ts';
import { TlogError } from './errors.ts';
import { leafHash } from './leaf.ts';
import { verifyNote, type Vkey } from './note.ts';
import { type ProvenLeaf, parseProof, verifyProof } from './proof.ts';

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
 * @throws TlogError `MALFORMED_RECEIPT` if a field is missing or of another type
 * @throws TlogError `UNKNOWN_KEY` if none of `vkeys` is of the log that the receipt names
 * @throws TlogError `ENTRY_MISMATCH` if it is for other bytes, another span, or another index than its proof
 * @throws TlogError `SIGNATURE_INVALID` if the receipt or the checkpoint is not signed by that key, or the checkpoint has a false
 *   signature by another of `vkeys`
 * @throws TlogError of the proof, as `verifyProof` does
 * @see protocol §10, §2
 */
export function verifyReceipt({ receipt, spanBytes, vkeys }: ReceiptClaim): VerifiedReceipt {
  checkShape(receipt);
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
 * Returns the larger of two heads of one log, once it is shown to have grown from the other. In either order, as receipts
 * may arrive. This is how a client holds a log to what it said before: keep what is returned, and ask again with the next.
 *
 * @param proof - from the smaller size to the larger; empty if they are equal
 * @throws TlogError `ORIGIN_MISMATCH` if they are of different logs
 * @throws TlogError `MALFORMED_PROOF`, `ROOT_MISMATCH` as `verifyConsistency` does. With a proof that the log itself
 *   gave, either means that it showed two histories: both signed checkpoints together are the evidence
 */
export function verifyGrowth<Head extends TreeHead>(
  one: Head,
  other: Head,
  proof: readonly Uint8Array[],
): Head {
  if (one.origin !== other.origin) throw new TlogError('ORIGIN_MISMATCH', 'the two are of different logs');
  const [older, newer] = one.size <= other.size ? [one, other] : [other, one];
  verifyConsistency({ oldSize: older.size, newSize: newer.size, proof }, older.root, newer.root);
  return newer;
}

/** The contract's fields by type alone: a receipt often comes from a file that nobody has parsed with the contract. */
function checkShape(receipt: Receipt): void {
  const given: unknown = receipt;
  if (typeof given !== 'object' || given === null)
    throw new TlogError('MALFORMED_RECEIPT', 'a receipt is an object');
  const texts = [receipt.ts, receipt.hash, receipt.signature, receipt.merkle, receipt.this, receipt.log];
  const isIndex = Number.isSafeInteger(receipt.index) && receipt.index >= 0;
  if (texts.some((text) => typeof text !== 'string') || !isIndex) {
    throw new TlogError(
      'MALFORMED_RECEIPT',
      'a receipt has ts, hash, signature, merkle, this and log as text, and an index',
    );
  }
}

function checkEntry(receipt: Receipt, spanBytes: Uint8Array): void {
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
