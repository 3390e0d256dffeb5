import { formatHex } from '@logline/canon-sign';
import { expect, test } from 'vitest';
import { codeOf, leavesOf } from '../test/whole-tree.ts';
import { sha256 as portableSha256 } from './sha256-portable.ts';
import {
  type Edge,
  appendLeaf,
  appendLeaves,
  emptyEdge,
  emptyRoot,
  formatEdge,
  nodeHash,
  parseEdge,
  rootOf,
  rootOfLeaves,
  subtreeNodes,
} from './tree.ts';

const text = new TextEncoder();

test('the empty tree has the SHA-256 of nothing as its root', () => {
  expect(formatHex(emptyRoot())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(rootOf(emptyEdge())).toEqual(emptyRoot());
  expect(rootOfLeaves([])).toEqual(emptyRoot());
});

test('hashes a node over its prefix and both children', () => {
  // the reference's own case, node("N123", "N456"), has children of four bytes: checked here on the prefix alone
  expect(formatHex(portableSha256(text.encode('\u0001N123N456')))).toBe(
    'aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb',
  );
  const [left = emptyRoot(), right = emptyRoot()] = leavesOf(2);
  expect(nodeHash(left, right)).toEqual(portableSha256(Uint8Array.of(1, ...left, ...right)));
});

test('refuses children and leaves that are not 32 bytes', () => {
  expect(codeOf(() => nodeHash(new Uint8Array(31), new Uint8Array(32)))).toBe('MALFORMED_HASH');
  expect(codeOf(() => nodeHash(new Uint8Array(32), new Uint8Array(33)))).toBe('MALFORMED_HASH');
  expect(codeOf(() => appendLeaf(emptyEdge(), new Uint8Array(0)))).toBe('MALFORMED_HASH');
});

test('gives the root of every size from 0 to 300, leaf by leaf', () => {
  const leaves = leavesOf(300);
  let edge = emptyEdge();
  leaves.forEach((leaf, at) => {
    expect(rootOf(edge)).toEqual(rootOfLeaves(leaves.slice(0, at)));
    edge = appendLeaf(edge, leaf);
    expect(edge.size).toBe(BigInt(at + 1));
  });
  expect(rootOf(edge)).toEqual(rootOfLeaves(leaves));
});

test('gives the roots around 65,536 leaves, appended in pieces', () => {
  const leaves = leavesOf(65_538);
  let edge = appendLeaves(emptyEdge(), leaves.slice(0, 65_000));
  edge = appendLeaves(edge, leaves.slice(65_000, 65_535));
  for (let size = 65_535; size <= 65_538; size++) {
    expect(rootOf(edge)).toEqual(rootOfLeaves(leaves.slice(0, size)));
    edge = appendLeaves(edge, leaves.slice(size, size + 1));
  }
});

test('appending leaves the edge it began from as it was', () => {
  const edge = appendLeaves(emptyEdge(), leavesOf(7));
  const before = formatEdge(edge);
  appendLeaves(edge, leavesOf(9, 7));
  expect(formatEdge(edge)).toEqual(before);
});

test('an edge survives being formatted and parsed', () => {
  for (const size of [0, 1, 2, 3, 255, 256, 257]) {
    const edge = appendLeaves(emptyEdge(), leavesOf(size));
    const bytes = formatEdge(edge);
    expect(parseEdge(bytes)).toEqual(edge);
    // as drivers hand bytes over: somewhere inside a larger buffer
    expect(parseEdge(Uint8Array.of(9, 9, 9, ...bytes).subarray(3))).toEqual(edge);
  }
});

test('refuses bytes that are not exactly one edge', () => {
  const bytes = formatEdge(appendLeaves(emptyEdge(), leavesOf(3)));
  expect(codeOf(() => parseEdge(new Uint8Array(0)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => parseEdge(bytes.subarray(0, 7)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => parseEdge(bytes.subarray(0, -1)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => parseEdge(Uint8Array.of(...bytes, 0)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => parseEdge(new Uint8Array(8 + 32 * 64).fill(255)))).toBe('MALFORMED_EDGE');
});

test('refuses to go on from an edge whose hashes do not fit its size', () => {
  const wrong: Edge[] = [
    { size: 3n, hashes: leavesOf(1) },
    { size: 2n, hashes: leavesOf(2) },
    { size: -1n, hashes: [] },
    { size: 2n ** 63n, hashes: leavesOf(1) },
  ];
  for (const edge of wrong) {
    expect(codeOf(() => appendLeaves(edge, leavesOf(1)))).toBe('MALFORMED_EDGE');
    expect(codeOf(() => formatEdge(edge))).toBe('MALFORMED_EDGE');
  }
});

test('a subtree falls into complete ones, largest first', () => {
  expect(subtreeNodes(0n, 7n)).toEqual([
    { level: 2, index: 0n },
    { level: 1, index: 2n },
    { level: 0, index: 6n },
  ]);
  expect(subtreeNodes(8n, 12n)).toEqual([{ level: 2, index: 2n }]);
  expect(subtreeNodes(5n, 5n)).toEqual([]);
});
