import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, flipped, hashAt, wholeTree } from '../test/whole-tree.ts';
import { inclusionNodes, proveInclusion, verifyInclusion } from './inclusion.ts';
import { rootOfLeaves } from './tree.ts';

/** PATH of RFC 9162 §2.1.3.1, word for word. */
function path(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...path(index, left), rootOfLeaves(right)]
    : [...path(index - split, right), rootOfLeaves(left)];
}

test('proves as the definition of the RFC says, for all leaves of all sizes up to 70', () => {
  const { leaves, readNode } = wholeTree(70);
  for (let size = 1; size <= 70; size++) {
    for (let index = 0; index < size; index++) {
      expect(proveInclusion(BigInt(index), BigInt(size), readNode)).toEqual(
        path(index, leaves.slice(0, size)),
      );
    }
  }
});

test('proves and verifies every leaf of every size up to 300', () => {
  const { leaves, readNode, rootAt } = wholeTree(300);
  for (let size = 1; size <= 300; size++) {
    const root = rootAt(size);
    leaves.slice(0, size).forEach((leafHash, index) => {
      const claim = { index: BigInt(index), size: BigInt(size) };
      const proof = proveInclusion(claim.index, claim.size, readNode);
      const verify = () => verifyInclusion({ ...claim, leafHash, proof }, root);
      expect(verify).not.toThrow();
    });
  }
});

test('proves and verifies around 65,536 leaves', () => {
  const { leaves, readNode, rootAt } = wholeTree(65_540);
  for (const size of [65_535, 65_536, 65_537, 65_540]) {
    const root = rootAt(size);
    for (const index of [
      0,
      1,
      255,
      256,
      257,
      32_767,
      32_768,
      65_279,
      65_280,
      65_533,
      65_534,
      65_535,
      size - 1,
    ]) {
      if (index >= size) continue;
      const claim = { index: BigInt(index), size: BigInt(size), leafHash: hashAt(leaves, index) };
      const proof = proveInclusion(claim.index, claim.size, readNode);
      expect(() => verifyInclusion({ ...claim, proof }, root)).not.toThrow();
    }
  }
});

test('names beforehand exactly the nodes it reads, all of them complete', () => {
  const { readNode } = wholeTree(300);
  for (const [index, size] of [
    [0n, 1n],
    [0n, 7n],
    [6n, 7n],
    [128n, 300n],
    [299n, 300n],
  ] as const) {
    const read: string[] = [];
    proveInclusion(index, size, (level, at) => {
      expect((at + 1n) << BigInt(level)).toBeLessThanOrEqual(size);
      read.push(`${level}/${at}`);
      return readNode(level, at);
    });
    expect(read).toEqual(inclusionNodes(index, size).map((node) => `${node.level}/${node.index}`));
  }
});

test('refuses to prove what is not in the tree', () => {
  const { readNode } = wholeTree(4);
  for (const [index, size] of [
    [0n, 0n],
    [4n, 4n],
    [-1n, 4n],
    [0n, -1n],
    [0n, 2n ** 63n],
  ] as const) {
    expect(codeOf(() => proveInclusion(index, size, readNode))).toBe('OUT_OF_RANGE');
    expect(codeOf(() => inclusionNodes(index, size))).toBe('OUT_OF_RANGE');
  }
});

test('refuses a node that is not 32 bytes when proving', () => {
  expect(codeOf(() => proveInclusion(0n, 2n, () => new Uint8Array(31)))).toBe('MALFORMED_HASH');
});

test('refuses a proof that is too long, too short or of hashes of another length', () => {
  const { leaves, readNode, rootAt } = wholeTree(7);
  const proof = proveInclusion(2n, 7n, readNode);
  const claim = { index: 2n, size: 7n, leafHash: hashAt(leaves, 2), proof };
  const root = rootAt(7);
  const malformed = [
    { ...claim, proof: proof.slice(1) },
    { ...claim, proof: proof.slice(0, -1) },
    { ...claim, proof: [] },
    { ...claim, proof: [...proof, root] },
    { ...claim, proof: Array.from({ length: 100_000 }, () => root) },
    { ...claim, proof: proof.with(1, new Uint8Array(31)) },
    { ...claim, leafHash: new Uint8Array(33) },
    { ...claim, index: 7n },
    { ...claim, index: -1n },
    { ...claim, index: 2n ** 64n - 1n },
    { ...claim, size: 0n },
    { ...claim, size: 2n ** 200n },
  ];
  for (const one of malformed) expect(codeOf(() => verifyInclusion(one, root))).toBe('MALFORMED_PROOF');
  expect(codeOf(() => verifyInclusion(claim, new Uint8Array(0)))).toBe('MALFORMED_PROOF');
});

test('refuses any flipped bit of leaf, proof and root, any other index, and another tree', () => {
  const whole = wholeTree(200);
  fc.assert(
    fc.property(
      fc
        .integer({ min: 2, max: 200 })
        .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1), fc.nat(size - 1))),
      fc.nat(),
      fc.nat(255),
      ([size, index, other], which, bit) => {
        const root = whole.rootAt(size);
        const proof = proveInclusion(BigInt(index), BigInt(size), whole.readNode);
        const claim = {
          index: BigInt(index),
          size: BigInt(size),
          leafHash: hashAt(whole.leaves, index),
          proof,
        };
        verifyInclusion(claim, root);
        const at = which % proof.length;
        const forged = proof.with(at, flipped(hashAt(proof, at), bit));
        expect(codeOf(() => verifyInclusion({ ...claim, proof: forged }, root))).toBe('ROOT_MISMATCH');
        expect(
          codeOf(() => verifyInclusion({ ...claim, leafHash: flipped(claim.leafHash, bit) }, root)),
        ).toBe('ROOT_MISMATCH');
        expect(codeOf(() => verifyInclusion(claim, flipped(root, bit)))).toBe('ROOT_MISMATCH');
        expect(codeOf(() => verifyInclusion(claim, whole.rootAt(size - 1)))).toBe('ROOT_MISMATCH');
        if (other === index) return;
        expect(codeOf(() => verifyInclusion({ ...claim, index: BigInt(other) }, root))).toMatch(
          /^(ROOT_MISMATCH|MALFORMED_PROOF)$/,
        );
      },
    ),
  );
});

test('a verifier ends on every claim of sizes up to 40 with every number of hashes', () => {
  const { leaves, rootAt } = wholeTree(8);
  const leafHash = hashAt(leaves, 0);
  for (let size = 0n; size <= 40n; size++) {
    for (let index = 0n; index <= size; index++) {
      for (let count = 0; count <= 7; count++) {
        const claim = { index, size, leafHash, proof: Array.from({ length: count }, () => leafHash) };
        const code = codeOf(() => verifyInclusion(claim, rootAt(3)));
        expect(code).toMatch(/^(ROOT_MISMATCH|MALFORMED_PROOF)$/);
      }
    }
  }
});
