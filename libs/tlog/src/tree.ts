import { sha256 } from '#sha256';
import { TlogError } from './errors.ts';

export const HASH_BYTES = 32;

/** As many leaves as fit a signed 64-bit integer: what databases and other implementations can count to. */
export const MAX_TREE_SIZE: bigint = 2n ** 63n - 1n;

/**
 * The right edge of a tree: all that is needed to append to it and to know its root. Immutable.
 * `hashes` are the roots of the complete subtrees that the tree falls into, left to right: one for each 1 in the
 * binary form of `size`.
 */
export interface Edge {
  readonly size: bigint;
  readonly hashes: readonly Uint8Array[];
}

/** Names the complete subtree over leaves `[index · 2^level, (index + 1) · 2^level)`; level 0 are the leaves themselves. */
export interface NodeId {
  readonly level: number;
  readonly index: bigint;
}

/** Gives the 32-byte hash of a complete subtree of the tree at hand. Called only for nodes of that tree. */
export type ReadNode = (level: number, index: bigint) => Uint8Array;

const scratch = new Uint8Array(1 + 2 * HASH_BYTES);
scratch[0] = 0x01;

/**
 * The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
 * @throws TlogError `MALFORMED_HASH` if a child is not 32 bytes
 * @see RFC 9162 §2.1.1
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  checkHash(left);
  checkHash(right);
  scratch.set(left, 1);
  scratch.set(right, 1 + HASH_BYTES);
  return sha256(scratch);
}

/** Like {@link nodeHash} of two hashes that stand side by side in `row`, the left one at byte `at`. */
export function pairHash(row: Uint8Array, at: number): Uint8Array {
  scratch.set(row.subarray(at, at + 2 * HASH_BYTES), 1);
  return sha256(scratch);
}

/** The root of the tree without leaves: SHA-256 of nothing. A fresh copy each time. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}

export function emptyEdge(): Edge {
  return { size: 0n, hashes: [] };
}

/** The edge after one more leaf; `edge` stays as it was. */
export function appendLeaf(edge: Edge, leaf: Uint8Array): Edge {
  return appendLeaves(edge, [leaf]);
}

/**
 * The edge after `leaves` (leaf hashes, in order); `edge` stays as it was. About one hash per leaf.
 * @throws TlogError `MALFORMED_HASH` if a leaf is not 32 bytes; `MALFORMED_EDGE` if `edge` does not fit its size
 */
export function appendLeaves(edge: Edge, leaves: readonly Uint8Array[]): Edge {
  checkEdge(edge);
  const hashes = [...edge.hashes];
  let size = edge.size;
  for (const leaf of leaves) {
    checkHash(leaf);
    let right = leaf;
    // each 1 at the end of the size is a complete subtree that the new one completes a bigger one with
    for (let bits = size; (bits & 1n) === 1n; bits >>= 1n) {
      const left = hashes.pop();
      if (left === undefined)
        throw new TlogError('MALFORMED_EDGE', 'the edge has fewer hashes than its size says');
      right = nodeHash(left, right);
    }
    hashes.push(right);
    size += 1n;
  }
  return { size, hashes };
}

/** The root of the tree with this edge; of the empty tree, `emptyRoot()`. */
export function rootOf(edge: Edge): Uint8Array {
  return foldRight(edge.hashes) ?? emptyRoot();
}

/** The root over leaf hashes, computed from nothing: the definition in RFC 9162 §2.1.1, for small trees and for tests. */
export function rootOfLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return emptyRoot();
  if (leaves.length === 1) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(rootOfLeaves(leaves.slice(0, split)), rootOfLeaves(leaves.slice(split)));
}

/** The edge as bytes: its size as eight big-endian bytes, then its hashes. Pairs with {@link parseEdge}. */
export function formatEdge(edge: Edge): Uint8Array {
  checkEdge(edge);
  const bytes = new Uint8Array(8 + edge.hashes.length * HASH_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, edge.size);
  edge.hashes.forEach((hash, at) => {
    checkHash(hash);
    bytes.set(hash, 8 + at * HASH_BYTES);
  });
  return bytes;
}

/** @throws TlogError `MALFORMED_EDGE` if the bytes are not exactly one edge */
export function parseEdge(bytes: Uint8Array): Edge {
  if (bytes.length < 8)
    throw new TlogError('MALFORMED_EDGE', `an edge has at least 8 bytes, not ${bytes.length}`);
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
  const count = size > MAX_TREE_SIZE ? Infinity : countOnes(size);
  if (bytes.length !== 8 + count * HASH_BYTES) {
    throw new TlogError('MALFORMED_EDGE', `an edge of size ${size} does not have ${bytes.length} bytes`);
  }
  const hashes: Uint8Array[] = [];
  for (let at = 8; at < bytes.length; at += HASH_BYTES) hashes.push(bytes.slice(at, at + HASH_BYTES));
  return { size, hashes };
}

/**
 * The complete subtrees that leaves `[start, end)` fall into, left to right. `start` must be a multiple of the smallest
 * power of two that is not below `end - start`, as it is for every subtree that a proof names.
 */
export function subtreeNodes(start: bigint, end: bigint): NodeId[] {
  const nodes: NodeId[] = [];
  let at = start;
  for (let level = bitLength(end - start); level >= 0; level--) {
    if ((((end - start) >> BigInt(level)) & 1n) === 0n) continue;
    nodes.push({ level, index: at >> BigInt(level) });
    at += 1n << BigInt(level);
  }
  return nodes;
}

/** The hash over leaves `[start, end)`, composed from complete subtrees; the same condition as {@link subtreeNodes}. */
export function subtreeHash(start: bigint, end: bigint, readNode: ReadNode): Uint8Array {
  const hashes = subtreeNodes(start, end).map(({ level, index }) => {
    const hash = readNode(level, index);
    checkHash(hash);
    return hash;
  });
  return foldRight(hashes) ?? emptyRoot();
}

/** One hash over complete subtrees of falling size, or `undefined` when there are none. */
function foldRight(hashes: readonly Uint8Array[]): Uint8Array | undefined {
  return hashes.reduceRight<Uint8Array | undefined>(
    (right, left) => (right === undefined ? left : nodeHash(left, right)),
    undefined,
  );
}

export function checkHash(hash: Uint8Array): void {
  if (hash.length !== HASH_BYTES)
    throw new TlogError('MALFORMED_HASH', `a hash has 32 bytes, not ${hash.length}`);
}

export function isSameHash(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export function checkEdge({ size, hashes }: Edge): void {
  if (size < 0n || size > MAX_TREE_SIZE || hashes.length !== countOnes(size)) {
    throw new TlogError('MALFORMED_EDGE', `an edge of size ${size} does not have ${hashes.length} hashes`);
  }
}

/** How many binary digits `value` (not negative) has; none for zero. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

function countOnes(value: bigint): number {
  let ones = 0;
  for (let rest = value; rest > 0n; rest &= rest - 1n) ones++;
  return ones;
}
