import Type from 'typebox';
import { Count, Hash, Instant, SignatureBase64, SpanId } from './lexical.ts';

/**
 * What the ledger promises about one span (protocol §10). With the span and the log's key it verifies offline.
 * `signature` is by the log's key over the receipt without `signature` and `merkle` (`ll.receipt.v1`).
 */
export const Receipt = Type.Object(
  {
    /** Log time: never backwards within a log. */
    ts: Instant,
    /** BLAKE3 of the entry: the exact canonical bytes of the signed span. */
    hash: Hash,
    signature: SignatureBase64,
    /** A complete `tlog-proof` (C2SP): index, inclusion hashes, checkpoint. */
    merkle: Type.String({ minLength: 1, maxLength: 65_536 }),
    this: SpanId,
    /** Origin of the log: `<ledger origin>/<tenant>`. */
    log: Type.String({ minLength: 1, maxLength: 256 }),
    index: Count,
  },
  { additionalProperties: false, $id: 'receipt' },
);
export type Receipt = Type.Static<typeof Receipt>;
