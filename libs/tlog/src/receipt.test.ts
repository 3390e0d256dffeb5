import { blake3Hash, canonicalBytes, signObjectSync } from '@logline/canon-sign';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, flipped, hashAt, testSigner, wholeTree } from '../test/whole-tree.ts';
import { appendBatch, emptyTiledEdge } from './batch.ts';
import { signCheckpoint } from './checkpoint.ts';
import { proveConsistency } from './consistency.ts';
import { leafHash } from './leaf.ts';
import { toVkey } from './note.ts';
import { formatProof } from './proof.ts';
import { type ReceiptClaim, type TreeHead, verifyGrowth, verifyReceipt } from './receipt.ts';

const key = { name: 'log.example/acme', signer: testSigner(1) };
const vkeys = [toVkey('log.example/other', testSigner(2).publicKey), toVkey(key.name, key.signer.publicKey)];

/** A log of five spans and the receipt of each, as the ledger gives them after one commit. */
const claims: readonly ReceiptClaim[] = (() => {
  const ids = Array.from({ length: 5 }, (_, at) => `urn:span:0193562b-9c00-7000-8000-00000000000${at}`);
  const spans = ids.map((id) => canonicalBytes({ this: id, intent: 'deploy.stop', note: 'ação' }));
  const { edge, root, proofs } = appendBatch(emptyTiledEdge(), spans.map(leafHash));
  const checkpoint = signCheckpoint({ origin: key.name, size: edge.size, root }, [key]);
  return spans.map((spanBytes, index) => {
    const merkle = formatProof({ index: BigInt(index), hashes: proofs[index] ?? [], checkpoint });
    const unsigned = {
      ts: '2026-11-23T14:00:00Z',
      hash: blake3Hash(spanBytes),
      merkle,
      this: ids[index] ?? '',
      log: key.name,
      index,
    };
    return { receipt: signObjectSync('receipt', unsigned, key.signer), spanBytes, vkeys };
  });
})();

function claimAt(index: number): ReceiptClaim {
  const claim = claims[index];
  if (claim === undefined) throw new Error(`there is no receipt ${index}`);
  return claim;
}

test('a receipt of each entry verifies, and gives back what the log signed', () => {
  claims.forEach((claim, index) => {
    const verified = verifyReceipt(claim);
    expect(verified).toMatchObject({ origin: key.name, index: BigInt(index), size: 5n });
    expect(verified.checkpoint.startsWith('log.example/acme\n5\n')).toBe(true);
    expect(claim.receipt.merkle.endsWith(verified.checkpoint)).toBe(true);
  });
});

test('a receipt of one entry is a receipt of no other', () => {
  for (const one of claims) {
    for (const { spanBytes } of claims) {
      const expected = spanBytes === one.spanBytes ? 'accepted' : 'ENTRY_MISMATCH';
      expect(codeOf(() => verifyReceipt({ ...one, spanBytes }))).toBe(expected);
    }
  }
});

test('no bit of the span and no character of the receipt can be changed', () => {
  const claim = claimAt(3);
  fc.assert(
    fc.property(fc.nat(8 * claim.spanBytes.length - 1), (bit) => {
      expect(codeOf(() => verifyReceipt({ ...claim, spanBytes: flipped(claim.spanBytes, bit) }))).toBe(
        'ENTRY_MISMATCH',
      );
    }),
  );
  for (const field of ['ts', 'hash', 'signature', 'merkle', 'this', 'log'] as const) {
    const value = claim.receipt[field];
    for (let at = 0; at < value.length; at++) {
      const forged = value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ 1) + value.slice(at + 1);
      const code = codeOf(() => verifyReceipt({ ...claim, receipt: { ...claim.receipt, [field]: forged } }));
      expect([field, at, code]).toEqual([field, at, expect.stringMatching(/^[A-Z_]+$/)]);
    }
  }
});

test('anything at all is refused with a code', () => {
  fc.assert(
    fc.property(fc.anything(), fc.uint8Array(), (garbage, spanBytes) => {
      // what a caller without types may hand over
      const receipt = garbage as ReceiptClaim['receipt'];
      expect(codeOf(() => verifyReceipt({ receipt, spanBytes, vkeys }))).toMatch(
        /^(MALFORMED_RECEIPT|ENTRY_MISMATCH)$/,
      );
    }),
  );
});

test('only the key of the log that the receipt names is asked, also where one key has two names', () => {
  const claim = claimAt(0);
  const renamed = toVkey('log.example/other', key.signer.publicKey);
  expect(codeOf(() => verifyReceipt({ ...claim, vkeys: [renamed] }))).toBe('UNKNOWN_KEY');
  const twoKeys = [toVkey(key.name, testSigner(7).publicKey), toVkey(key.name, key.signer.publicKey)];
  expect(codeOf(() => verifyReceipt({ ...claim, vkeys: twoKeys }))).toBe('accepted');
});

const whole = wholeTree(60);
function headAt(size: number): TreeHead {
  return { origin: key.name, size: BigInt(size), root: whole.rootAt(size) };
}

test('of two heads of one log the larger comes back, in either order', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(60), (one, other) => {
      const [small, large] = one <= other ? [one, other] : [other, one];
      const proof = proveConsistency(BigInt(small), BigInt(large), whole.readNode);
      expect(verifyGrowth(headAt(one), headAt(other), proof)).toEqual(headAt(large));
    }),
  );
});

test('two histories of one log do not pass for growth', () => {
  const proof = proveConsistency(20n, 60n, whole.readNode);
  const forked = { ...headAt(20), root: flipped(whole.rootAt(20), 5) };
  expect(codeOf(() => verifyGrowth(forked, headAt(60), proof))).toBe('ROOT_MISMATCH');
  expect(codeOf(() => verifyGrowth(headAt(60), forked, proof))).toBe('ROOT_MISMATCH');
  expect(codeOf(() => verifyGrowth(headAt(20), forked, []))).toBe('ROOT_MISMATCH');
  expect(codeOf(() => verifyGrowth(headAt(20), headAt(60), [...proof, hashAt(proof, 0)]))).toBe(
    'MALFORMED_PROOF',
  );
  expect(codeOf(() => verifyGrowth(headAt(20), { ...headAt(60), origin: 'log.example/other' }, proof))).toBe(
    'ORIGIN_MISMATCH',
  );
});
