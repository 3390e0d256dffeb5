import { TlogError } from './errors.ts';
import {
  HASH_BYTES,
  MAX_TREE_SIZE,
  type NodeId,
  type ReadNode,
  isSameHash,
  nodeHash,
  subtreeHash,
  subtreeNodes,
} from './tree.ts';

/** "The leaf with this hash is at `index` in the tree of `size` leaves." `proof` runs from the leaf's sibling to the root's child. */
export interface InclusionClaim {
  readonly index: bigint;
  readonly size: bigint;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * The complete subtrees that {@link proveInclusion} will read, so that they can be fetched at once. There may be more of
 * them than hashes in the proof: an incomplete subtree at the right edge is composed from several.
 * @throws TlogError `OUT_OF_RANGE` unless `0 <= index < size`
 */
export function inclusionNodes(index: bigint, size: bigint): NodeId[] {
  return siblings(index, size).flatMap(([start, end]) => subtreeNodes(start, end));
}

/**
 * The inclusion proof of leaf `index` in the tree of `size` leaves.
 * @throws TlogError `OUT_OF_RANGE` unless `0 <= index < size`; `MALFORMED_HASH` if `readNode` gives one
 * @see RFC 9162 §2.1.3.1
 */
export function proveInclusion(index: bigint, size: bigint, readNode: ReadNode): Uint8Array[] {
  return siblings(index, size).map(([start, end]) => subtreeHash(start, end, readNode));
}

/**
 * Returns quietly when the claimed leaf is in the tree whose root is `root`, and throws otherwise.
 * Pure, and safe on hostile input: all lengths and bounds are checked before anything is hashed. O(log size) hashes.
 *
 * @param root - 32 bytes the caller already trusts, normally from a checkpoint whose signature it has verified
 * @throws TlogError `MALFORMED_PROOF` if `index >= size`, a hash is not 32 bytes, or their number does not fit `size`
 * @throws TlogError `ROOT_MISMATCH` if the proof is well formed but leads to another root
 * @see RFC 9162 §2.1.3.2
 */
export function verifyInclusion({ index, size, leafHash, proof }: InclusionClaim, root: Uint8Array): void {
  if (index < 0n || index >= size || size > MAX_TREE_SIZE) {
    throw new TlogError('MALFORMED_PROOF', `a tree of ${size} leaves has no leaf ${index}`);
  }
  const expected = siblings(index, size).length;
  if (proof.length !== expected) {
    throw new TlogError(
      'MALFORMED_PROOF',
      `leaf ${index} of ${size} is proved by ${expected} hashes, not ${proof.length}`,
    );
  }
  if ([leafHash, root, ...proof].some((hash) => hash.length !== HASH_BYTES)) {
    throw new TlogError('MALFORMED_PROOF', 'a hash of the proof, the leaf or the root is not 32 bytes');
  }
  let hash = leafHash;
  let node = index;
  let last = size - 1n;
  for (const sibling of proof) {
    if ((node & 1n) === 1n) {
      hash = nodeHash(sibling, hash);
    } else if (node < last) {
      hash = nodeHash(hash, sibling);
    } else {
      // the last node of its level has no sibling until it is somebody's right child
      while ((node & 1n) === 0n) {
        node >>= 1n;
        last >>= 1n;
      }
      hash = nodeHash(sibling, hash);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (!isSameHash(hash, root)) {
    throw new TlogError(
      'ROOT_MISMATCH',
      `the proof that leaf ${index} is among ${size} leads to another root`,
    );
  }
}

/** The leaf ranges `[start, end)` whose hashes are the proof, from the leaf's sibling up. */
function siblings(index: bigint, size: bigint): [bigint, bigint][] {
  if (index < 0n || index >= size || size > MAX_TREE_SIZE) {
    throw new TlogError('OUT_OF_RANGE', `a tree of ${size} leaves has no leaf ${index}`);
  }
  const ranges: [bigint, bigint][] = [];
  for (let level = 0n; (size - 1n) >> level > 0n; level++) {
    const sibling = (index >> level) ^ 1n;
    const start = sibling << level;
    if (start >= size) continue;
    const end = start + (1n << level);
    ranges.push([start, end < size ? end : size]);
  }
  return ranges;
}
