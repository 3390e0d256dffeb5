import { readFileSync } from 'node:fs';
import { signerFromSeed, type LocalSigner } from '@logline/canon-sign';
import { leafHash } from '../src/leaf.ts';
import { type ReadNode, nodeHash, rootOfLeaves } from '../src/tree.ts';

/** A tree with every complete subtree in memory, built level by level: the other way round from what is tested with it. */
export interface WholeTree {
  readonly leaves: readonly Uint8Array[];
  readonly readNode: ReadNode;
  rootAt(size: number): Uint8Array;
}

export function wholeTree(size: number, entryOf: (at: number) => string = String): WholeTree {
  const leaves = leavesOf(size, 0, entryOf);
  const levels: Uint8Array[][] = [leaves];
  for (let below = leaves; below.length > 1;) {
    const level: Uint8Array[] = [];
    for (let at = 0; at + 1 < below.length; at += 2)
      level.push(nodeHash(hashAt(below, at), hashAt(below, at + 1)));
    levels.push(level);
    below = level;
  }
  const readNode: ReadNode = (level, index) => hashAt(levels[level] ?? [], Number(index));
  const roots = new Map<number, Uint8Array>();
  const rootAt = (at: number): Uint8Array => {
    const root = roots.get(at) ?? rootOfLeaves(leaves.slice(0, at));
    roots.set(at, root);
    return root;
  };
  return { leaves, readNode, rootAt };
}

/** Leaf hashes of the entries "0", "1", "2", … */
export function leavesOf(count: number, from = 0, entryOf: (at: number) => string = String): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => leafHash(new TextEncoder().encode(entryOf(from + at))));
}

export function hashAt(hashes: readonly Uint8Array[], at: number): Uint8Array {
  const hash = hashes[at];
  if (hash === undefined) throw new Error(`there is no node ${at} of ${hashes.length}`);
  return hash;
}

/** A copy with one bit turned over. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit % 8));
  return copy;
}

/** Keys that are the same in every run; `which` from 0 to 255. */
export function testSigner(which: number): LocalSigner {
  return signerFromSeed(`kid_test_${which}`, new Uint8Array(32).fill(which));
}

/** The error's code, or what happened instead. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Error && error.name === 'TlogError' && 'code' in error) return String(error.code);
    return `threw ${String(error)}`;
  }
  return 'accepted';
}

/** A file of `spec/vectors/tlog`, whose shape the caller knows. */
export function readVectors<Shape>(name: string): Shape {
  const path = new URL(`../../../spec/vectors/tlog/${name}`, import.meta.url);
  // the repository's own file, held to its shape by the generator that writes it
  return JSON.parse(readFileSync(path, 'utf8')) as Shape;
}

/** Text that may stand on one line of a note: no control characters, nothing that UTF-8 cannot say. */
export function isLine(text: string): boolean {
  return text.isWellFormed() && ![...text].some((character) => character < ' ');
}
