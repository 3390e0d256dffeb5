import { blake3Hash, canonicalBytes, signObjectSync } from '@logline/canon-sign';
import { checkerOf, parseInstant, Receipt as Contract } from '@logline/contracts';
import fc from 'fast-check';
import { expect, expectTypeOf, test } from 'vitest';
import { codeOf, flipped, testSigner } from '../test/whole-tree.ts';
import { appendBatch, emptyTiledEdge } from './batch.ts';
import { signCheckpoint } from './checkpoint.ts';
import { leafHash } from './leaf.ts';
import { toVkey } from './note.ts';
import { formatProof } from './proof.ts';
import { parseReceipt, type Receipt, type ReceiptClaim, verifyReceipt } from './receipt.ts';

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

test('a receipt is read as the contract has it, and nothing else is', () => {
  // assignable both ways: the fields are the same, written down twice
  expectTypeOf<Contract>().toExtend<Receipt>();
  expectTypeOf<Readonly<Receipt>>().toExtend<Contract>();
  const { receipt } = claimAt(1);
  expect(checkerOf(Contract).faults(receipt)).toEqual([]);
  expect(parseReceipt(JSON.parse(JSON.stringify(receipt)))).toEqual(receipt);
  const instants = [
    '2026-11-23T14:00:00Z',
    '2026-11-23T14:00:00.125Z',
    '2028-02-29T23:59:59Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-23T24:00:00Z',
    '2026-11-23T14:60:00Z',
    '2026-11-23T14:00:60Z',
    '2026-11-23T14:00:00.1Z',
    '2026-11-23T14:00:00+00:00',
    '2026-11-23 14:00:00Z',
    '+002026-11-23T14:00:00Z',
    '٢026-11-23T14:00:00Z',
    'yesterday',
    '',
  ];
  for (const ts of instants) {
    const expected = parseInstant(ts) === null ? 'MALFORMED_RECEIPT' : 'accepted';
    expect([ts, codeOf(() => parseReceipt({ ...receipt, ts }))]).toEqual([ts, expected]);
  }
});

test('a field of any other type or length is refused, and so is what JSON cannot say', () => {
  const { receipt } = claimAt(1);
  const fields = ['ts', 'hash', 'signature', 'merkle', 'this', 'log', 'index'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.jsonValue(), (field, value) => {
      if (field === 'index' ? Number.isSafeInteger(value) : typeof value === 'string') return;
      expect(codeOf(() => parseReceipt({ ...receipt, [field]: value }))).toBe('MALFORMED_RECEIPT');
    }),
  );
  const long = 'x'.repeat(65_537);
  const throws = Object.defineProperty({ ...receipt }, 'log', {
    enumerable: true,
    get: () => {
      throw new RangeError('a page’s own');
    },
  });
  const revoked = Proxy.revocable({ ...receipt }, {});
  revoked.revoke();
  for (const value of [{ ...receipt, merkle: long }, { ...receipt, log: long }, throws, revoked.proxy]) {
    expect(codeOf(() => parseReceipt(value))).toBe('MALFORMED_RECEIPT');
    expect(codeOf(() => verifyReceipt({ ...claimAt(1), receipt: value }))).toBe('MALFORMED_RECEIPT');
  }
});

test('what is checked is what is verified, also where a field reads differently each time', () => {
  const claim = claimAt(1);
  let reads = 0;
  const shifty = Object.defineProperty({ ...claim.receipt }, 'index', {
    enumerable: true,
    get: () => (reads++ === 0 ? 1 : 3),
  });
  expect(verifyReceipt({ ...claim, receipt: shifty }).index).toBe(1n);
  expect(reads).toBe(1);
});

test('a span that is no bytes is refused with a code', () => {
  for (const spanBytes of ['text', null, undefined, [1, 2], {}, 7] as unknown as Uint8Array[])
    expect(codeOf(() => verifyReceipt({ ...claimAt(1), spanBytes }))).toBe('ENTRY_MISMATCH');
});
