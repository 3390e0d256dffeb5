import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, flipped, hashAt, wholeTree } from '../test/whole-tree.ts';
import { consistencyNodes, proveConsistency, verifyConsistency } from './consistency.ts';
import { emptyRoot, rootOfLeaves } from './tree.ts';

/** SUBPROOF of RFC 9162 §2.1.4.1, word for word. */
function subproof(old: number, leaves: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (old === leaves.length) return isWhole ? [] : [rootOfLeaves(leaves)];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return old <= split
    ? [...subproof(old, left, isWhole), rootOfLeaves(right)]
    : [...subproof(old - split, right, false), rootOfLeaves(left)];
}

test('proves as the definition of the RFC says, for all pairs of sizes up to 70', () => {
  const { leaves, readNode } = wholeTree(70);
  for (let newSize = 1; newSize <= 70; newSize++) {
    for (let oldSize = 1; oldSize <= newSize; oldSize++) {
      const proof = proveConsistency(BigInt(oldSize), BigInt(newSize), readNode);
      expect(proof).toEqual(subproof(oldSize, leaves.slice(0, newSize), true));
    }
  }
});

test('proves and verifies all pairs of sizes up to 300', () => {
  const { readNode, rootAt } = wholeTree(300);
  const roots = Array.from({ length: 301 }, (_, size) => rootAt(size));
  for (let newSize = 0; newSize <= 300; newSize++) {
    for (let oldSize = 0; oldSize <= newSize; oldSize++) {
      const proof = proveConsistency(BigInt(oldSize), BigInt(newSize), readNode);
      const claim = { oldSize: BigInt(oldSize), newSize: BigInt(newSize), proof };
      const verify = () => verifyConsistency(claim, hashAt(roots, oldSize), hashAt(roots, newSize));
      expect(verify).not.toThrow();
    }
  }
});

test('proves and verifies around 65,536 leaves', () => {
  const { readNode, rootAt } = wholeTree(65_540);
  for (const newSize of [65_536, 65_537, 65_540]) {
    const newRoot = rootAt(newSize);
    for (const oldSize of [1, 255, 256, 257, 32_768, 65_280, 65_535, 65_536]) {
      const proof = proveConsistency(BigInt(oldSize), BigInt(newSize), readNode);
      const claim = { oldSize: BigInt(oldSize), newSize: BigInt(newSize), proof };
      expect(() => verifyConsistency(claim, rootAt(oldSize), newRoot)).not.toThrow();
    }
  }
});

test('names beforehand exactly the nodes it reads, all of them complete', () => {
  const { readNode } = wholeTree(300);
  for (const [oldSize, newSize] of [
    [0n, 300n],
    [1n, 2n],
    [3n, 7n],
    [256n, 300n],
    [299n, 300n],
  ] as const) {
    const read: string[] = [];
    proveConsistency(oldSize, newSize, (level, at) => {
      expect((at + 1n) << BigInt(level)).toBeLessThanOrEqual(newSize);
      read.push(`${level}/${at}`);
      return readNode(level, at);
    });
    expect(read).toEqual(consistencyNodes(oldSize, newSize).map((node) => `${node.level}/${node.index}`));
  }
});

test('refuses to prove growth that is none', () => {
  const { readNode } = wholeTree(4);
  for (const [oldSize, newSize] of [
    [4n, 3n],
    [-1n, 3n],
    [1n, 2n ** 63n],
  ] as const) {
    expect(codeOf(() => proveConsistency(oldSize, newSize, readNode))).toBe('OUT_OF_RANGE');
  }
});

test('from size 0 only the empty proof from the empty root is accepted, to any tree', () => {
  const { rootAt } = wholeTree(8);
  const fromNothing = { oldSize: 0n, newSize: 8n, proof: [] };
  verifyConsistency(fromNothing, emptyRoot(), rootAt(8));
  verifyConsistency({ ...fromNothing, newSize: 0n }, emptyRoot(), emptyRoot());
  expect(codeOf(() => verifyConsistency(fromNothing, rootAt(1), rootAt(8)))).toBe('ROOT_MISMATCH');
  expect(
    codeOf(() => verifyConsistency({ ...fromNothing, proof: [rootAt(8)] }, emptyRoot(), rootAt(8))),
  ).toBe('MALFORMED_PROOF');
  expect(codeOf(() => verifyConsistency({ ...fromNothing, newSize: 0n }, rootAt(1), rootAt(1)))).toBe(
    'ROOT_MISMATCH',
  );
  expect(codeOf(() => verifyConsistency({ ...fromNothing, newSize: 0n }, emptyRoot(), rootAt(1)))).toBe(
    'ROOT_MISMATCH',
  );
});

test('of equal size only the same root with the empty proof is accepted', () => {
  const { rootAt } = wholeTree(8);
  const claim = { oldSize: 5n, newSize: 5n, proof: [] };
  verifyConsistency(claim, rootAt(5), rootAt(5));
  expect(codeOf(() => verifyConsistency(claim, rootAt(5), rootAt(6)))).toBe('ROOT_MISMATCH');
  expect(codeOf(() => verifyConsistency({ ...claim, proof: [rootAt(5)] }, rootAt(5), rootAt(5)))).toBe(
    'MALFORMED_PROOF',
  );
});

test('refuses a proof that is too long, too short, shrinking, or of hashes of another length', () => {
  const { readNode, rootAt } = wholeTree(7);
  const proof = proveConsistency(3n, 7n, readNode);
  const claim = { oldSize: 3n, newSize: 7n, proof };
  const malformed = [
    { ...claim, proof: [] },
    { ...claim, proof: proof.slice(1) },
    { ...claim, proof: [...proof, rootAt(1)] },
    { ...claim, proof: Array.from({ length: 100_000 }, () => rootAt(1)) },
    { ...claim, proof: proof.with(0, new Uint8Array(31)) },
    { ...claim, oldSize: 8n },
    { ...claim, oldSize: -3n },
    { ...claim, newSize: 2n ** 80n },
  ];
  for (const one of malformed)
    expect(codeOf(() => verifyConsistency(one, rootAt(3), rootAt(7)))).toBe('MALFORMED_PROOF');
  expect(codeOf(() => verifyConsistency(claim, new Uint8Array(12), rootAt(7)))).toBe('MALFORMED_PROOF');
});

test('refuses any flipped bit of proof and roots, and any other pair of sizes', () => {
  const whole = wholeTree(150);
  fc.assert(
    fc.property(
      fc
        .integer({ min: 2, max: 150 })
        .chain((size) => fc.tuple(fc.integer({ min: 1, max: size - 1 }), fc.constant(size))),
      fc.integer({ min: 1, max: 149 }),
      fc.nat(),
      fc.nat(255),
      ([oldSize, newSize], other, which, bit) => {
        const [oldRoot, newRoot] = [whole.rootAt(oldSize), whole.rootAt(newSize)];
        const proof = proveConsistency(BigInt(oldSize), BigInt(newSize), whole.readNode);
        const claim = { oldSize: BigInt(oldSize), newSize: BigInt(newSize), proof };
        verifyConsistency(claim, oldRoot, newRoot);
        const at = which % proof.length;
        const forged = proof.with(at, flipped(hashAt(proof, at), bit));
        expect(codeOf(() => verifyConsistency({ ...claim, proof: forged }, oldRoot, newRoot))).toBe(
          'ROOT_MISMATCH',
        );
        expect(codeOf(() => verifyConsistency(claim, flipped(oldRoot, bit), newRoot))).toBe('ROOT_MISMATCH');
        expect(codeOf(() => verifyConsistency(claim, oldRoot, flipped(newRoot, bit)))).toBe('ROOT_MISMATCH');
        if (other >= newSize || other === oldSize) return;
        const elsewhere = { ...claim, oldSize: BigInt(other) };
        expect(codeOf(() => verifyConsistency(elsewhere, whole.rootAt(other), newRoot))).toMatch(
          /^(ROOT_MISMATCH|MALFORMED_PROOF)$/,
        );
      },
    ),
  );
});
