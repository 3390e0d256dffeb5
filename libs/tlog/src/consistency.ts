import { TlogError } from './errors.ts';
import {
  HASH_BYTES,
  MAX_TREE_SIZE,
  type NodeId,
  type ReadNode,
  bitLength,
  emptyRoot,
  isSameHash,
  nodeHash,
  subtreeHash,
  subtreeNodes,
} from './tree.ts';

/** "The tree of `newSize` leaves begins with the tree of `oldSize` leaves." */
export interface ConsistencyClaim {
  readonly oldSize: bigint;
  readonly newSize: bigint;
  readonly proof: readonly Uint8Array[];
}

/**
 * The complete subtrees that {@link proveConsistency} will read, so that they can be fetched at once.
 * @throws TlogError `OUT_OF_RANGE` unless `0 <= oldSize <= newSize`
 */
export function consistencyNodes(oldSize: bigint, newSize: bigint): NodeId[] {
  return provenRanges(oldSize, newSize).flatMap(([start, end]) => subtreeNodes(start, end));
}

/**
 * The proof that the tree of `newSize` leaves begins with that of `oldSize`. Empty when the sizes are equal, and from
 * size 0: every tree begins with the empty one (RFC 9162 leaves 0 open; C2SP tlog-witness asks for the empty proof).
 * @throws TlogError `OUT_OF_RANGE` unless `0 <= oldSize <= newSize`; `MALFORMED_HASH` if `readNode` gives one
 * @see RFC 9162 §2.1.4.1
 */
export function proveConsistency(oldSize: bigint, newSize: bigint, readNode: ReadNode): Uint8Array[] {
  return provenRanges(oldSize, newSize).map(([start, end]) => subtreeHash(start, end, readNode));
}

/**
 * Returns quietly when the tree with `newRoot` only grew from the one with `oldRoot`, and throws otherwise.
 * A root of size 0 must be that of the empty tree. Pure, and safe on hostile input: all lengths and bounds are checked
 * before anything is hashed. O(log size) hashes.
 *
 * @throws TlogError `MALFORMED_PROOF` if `oldSize > newSize`, a hash is not 32 bytes, or their number does not fit the sizes;
 *   of equal sizes, roots are only compared
 * @throws TlogError `ROOT_MISMATCH` if the proof is well formed but does not lead from one root to the other
 * @see RFC 9162 §2.1.4.2
 */
export function verifyConsistency(claim: ConsistencyClaim, oldRoot: Uint8Array, newRoot: Uint8Array): void {
  const proven = rootsOfProof(claim, oldRoot, newRoot);
  if (isSameHash(proven.oldRoot, oldRoot) && isSameHash(proven.newRoot, newRoot)) return;
  const { oldSize, newSize } = claim;
  throw new TlogError(
    'ROOT_MISMATCH',
    oldSize === newSize
      ? `two trees of ${oldSize} leaves have different roots`
      : `the tree of ${newSize} leaves does not grow from that of ${oldSize}`,
  );
}

/**
 * Both roots as a well-formed proof has them, for the caller to compare with those it was given. If the new one is right,
 * all hashes of the proof are of the new tree, and so is the old root that they lead to. From a size that is a power of
 * two, and from equal sizes, the proof has no hash of the old tree, and the old root comes back as it was given.
 * @throws TlogError `MALFORMED_PROOF` as {@link verifyConsistency} does
 */
export function rootsOfProof(
  { oldSize, newSize, proof }: ConsistencyClaim,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
): { readonly oldRoot: Uint8Array; readonly newRoot: Uint8Array } {
  if (oldSize < 0n || oldSize > newSize || newSize > MAX_TREE_SIZE) {
    throw new TlogError('MALFORMED_PROOF', `a tree cannot grow from ${oldSize} to ${newSize} leaves`);
  }
  const expected = provenRanges(oldSize, newSize).length;
  if (proof.length !== expected) {
    throw new TlogError(
      'MALFORMED_PROOF',
      `growth from ${oldSize} to ${newSize} is proved by ${expected} hashes, not ${proof.length}`,
    );
  }
  const emptied = oldSize === 0n ? emptyRoot() : oldRoot;
  if (oldSize === newSize) return { oldRoot: emptied, newRoot: emptied };
  if ([oldRoot, newRoot, ...proof].some((hash) => hash.length !== HASH_BYTES)) {
    throw new TlogError('MALFORMED_PROOF', 'a hash of the proof or a root is not 32 bytes');
  }
  if (oldSize === 0n) return { oldRoot: emptied, newRoot };
  const [fromOld, fromNew] = rootsFrom(oldSize, newSize, proof, oldRoot);
  return { oldRoot: fromOld, newRoot: fromNew };
}

/** Both roots as the proof has them, for `0 < oldSize < newSize` and a proof of the right length. */
function rootsFrom(
  oldSize: bigint,
  newSize: bigint,
  proof: readonly Uint8Array[],
  oldRoot: Uint8Array,
): [Uint8Array, Uint8Array] {
  let old = oldSize - 1n;
  let last = newSize - 1n;
  while ((old & 1n) === 1n) {
    old >>= 1n;
    last >>= 1n;
  }
  // an old tree that is itself a complete subtree is left out of the proof: the verifier has its root
  const path = old === 0n ? [oldRoot, ...proof] : proof;
  const [first = oldRoot, ...rest] = path;
  let fromOld = first;
  let fromNew = first;
  for (const hash of rest) {
    if ((old & 1n) === 1n || old === last) {
      fromOld = nodeHash(hash, fromOld);
      fromNew = nodeHash(hash, fromNew);
      while ((old & 1n) === 0n && old !== 0n) {
        old >>= 1n;
        last >>= 1n;
      }
    } else {
      fromNew = nodeHash(fromNew, hash);
    }
    old >>= 1n;
    last >>= 1n;
  }
  return [fromOld, fromNew];
}

/** The leaf ranges `[start, end)` whose hashes are the proof, in its order: SUBPROOF of RFC 9162 §2.1.4.1, deepest first. */
function provenRanges(oldSize: bigint, newSize: bigint): [bigint, bigint][] {
  if (oldSize < 0n || oldSize > newSize || newSize > MAX_TREE_SIZE) {
    throw new TlogError('OUT_OF_RANGE', `a tree cannot grow from ${oldSize} to ${newSize} leaves`);
  }
  if (oldSize === 0n || oldSize === newSize) return [];
  const ranges: [bigint, bigint][] = [];
  let start = 0n;
  let end = newSize;
  while (oldSize !== end) {
    const split = start + (1n << BigInt(bitLength(end - start - 1n) - 1));
    if (oldSize <= split) {
      ranges.push([split, end]);
      end = split;
    } else {
      ranges.push([start, split]);
      start = split;
    }
  }
  // with start at 0 the old tree is this very subtree, and its root is known
  if (start !== 0n) ranges.push([start, end]);
  return ranges.reverse();
}
