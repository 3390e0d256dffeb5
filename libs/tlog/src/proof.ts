import { formatBase64 } from '@logline/canon-sign';
import { type LogIdentity, verifyCheckpoint } from './checkpoint.ts';
import { parseDecimal } from './decimal.ts';
import { TlogError } from './errors.ts';
import { verifyInclusion } from './inclusion.ts';
import { decodeBase64 } from './note.ts';
import { HASH_BYTES, MAX_TREE_SIZE } from './tree.ts';

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** A tree of 2^63 leaves is no deeper. */
const MAX_HASHES = 63;

const MAX_PROOF_LENGTH = 2_000_000;

/** What a `.tlog-proof` file says; nothing of it is verified by being read. */
export interface TlogProof {
  readonly index: bigint;
  /** From the leaf's sibling to the root's child. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
  /** For the application; nobody vouches for it, also not in a proof that verifies. */
  readonly extra?: Uint8Array;
}

/** Where a proof has shown a leaf to be: at `index` in the tree of `size` leaves with this root, of the log with this origin. */
export interface ProvenLeaf {
  readonly origin: string;
  readonly index: bigint;
  readonly size: bigint;
  readonly root: Uint8Array;
}

/**
 * The proof as text. Pairs with {@link parseProof}.
 * @throws TlogError `MALFORMED_PROOF` if it could not be read back
 * @see C2SP tlog-proof, "Format"
 */
export function formatProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  if (index < 0n || index > MAX_TREE_SIZE)
    throw new TlogError('MALFORMED_PROOF', `there is no leaf ${index}`);
  checkHashes(hashes);
  if (checkpoint === '') throw new TlogError('MALFORMED_PROOF', 'the proof has no checkpoint');
  const extraLine = extra === undefined ? '' : `extra ${formatBase64(extra)}\n`;
  return `${FIRST_LINE}\n${extraLine}index ${index}\n${hashes.map((hash) => `${formatBase64(hash)}\n`).join('')}\n${checkpoint}`;
}

/**
 * Reads a proof, verifying nothing. Lengths are bounded before anything is decoded.
 * @throws TlogError `MALFORMED_PROOF`
 */
export function parseProof(text: string): TlogProof {
  if (text.length > MAX_PROOF_LENGTH)
    throw new TlogError(
      'MALFORMED_PROOF',
      `a proof of ${text.length} characters is longer than any that is read`,
    );
  const split = text.indexOf('\n\n');
  const checkpoint = text.slice(split + 2);
  if (split < 0 || checkpoint === '')
    throw new TlogError('MALFORMED_PROOF', 'the proof has no checkpoint after an empty line');
  const [first, ...rest] = text.slice(0, split).split('\n');
  if (first !== FIRST_LINE)
    throw new TlogError('MALFORMED_PROOF', `the proof does not begin with ${FIRST_LINE}`);
  const extra = rest[0]?.startsWith('extra ')
    ? decodeBase64(rest[0].slice('extra '.length), 'MALFORMED_PROOF')
    : undefined;
  const [indexLine = '', ...hashLines] = extra === undefined ? rest : rest.slice(1);
  if (!indexLine.startsWith('index '))
    throw new TlogError('MALFORMED_PROOF', 'the proof does not say which leaf it is for');
  const index = parseDecimal(indexLine.slice('index '.length), 'MALFORMED_PROOF', 'the index');
  if (hashLines.length > MAX_HASHES)
    throw new TlogError(
      'MALFORMED_PROOF',
      `a proof has at most ${MAX_HASHES} hashes, not ${hashLines.length}`,
    );
  const hashes = hashLines.map((line) => decodeBase64(line, 'MALFORMED_PROOF'));
  checkHashes(hashes);
  return { index, hashes, checkpoint, ...(extra === undefined ? {} : { extra }) };
}

/**
 * Where the leaf is, once the proof's checkpoint is one that the log signed and the proof leads from the leaf to its root.
 * Pure and offline; safe on hostile input.
 *
 * @param leafHash - what the caller computed with `leafHash` from the entry it holds, never taken from the same source as the proof
 * @throws TlogError `MALFORMED_PROOF` if the text is no proof, or its hashes do not fit index and size
 * @throws TlogError `MALFORMED_NOTE`, `UNKNOWN_KEY`, `SIGNATURE_INVALID`, `MALFORMED_CHECKPOINT`, `ORIGIN_MISMATCH` as
 *   `verifyCheckpoint` does
 * @throws TlogError `ROOT_MISMATCH` if the leaf is not there
 * @see C2SP tlog-proof; RFC 9162 §2.1.3.2
 */
export function verifyProof(text: string, leafHash: Uint8Array, log: LogIdentity): ProvenLeaf {
  const { index, hashes, checkpoint } = parseProof(text);
  const { origin, size, root } = verifyCheckpoint(checkpoint, log);
  verifyInclusion({ index, size, leafHash, proof: hashes }, root);
  return { origin, index, size, root };
}

function checkHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.length > MAX_HASHES || hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new TlogError('MALFORMED_PROOF', `a proof has at most ${MAX_HASHES} hashes of 32 bytes`);
  }
}
