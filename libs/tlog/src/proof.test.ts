import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, hashAt, testSigner, wholeTree } from '../test/whole-tree.ts';
import { signCheckpoint } from './checkpoint.ts';
import { proveInclusion } from './inclusion.ts';
import { toVkey } from './note.ts';
import { formatProof, parseProof, verifyProof } from './proof.ts';

const key = { name: 'log.example/acme', signer: testSigner(1) };
const log = { origin: key.name, vkeys: [toVkey(key.name, key.signer.publicKey)] };
const whole = wholeTree(300);

function proofOf(index: number, size: number): string {
  const checkpoint = signCheckpoint({ origin: key.name, size: BigInt(size), root: whole.rootAt(size) }, [
    key,
  ]);
  return formatProof({
    index: BigInt(index),
    hashes: proveInclusion(BigInt(index), BigInt(size), whole.readNode),
    checkpoint,
  });
}

const place = fc.integer({ min: 1, max: 300 }).chain((size) => fc.tuple(fc.nat(size - 1), fc.constant(size)));

test('a proof of any leaf verifies, and says where the leaf is', () => {
  fc.assert(
    fc.property(place, ([index, size]) => {
      const proven = verifyProof(proofOf(index, size), hashAt(whole.leaves, index), log);
      expect(proven).toEqual({
        origin: key.name,
        index: BigInt(index),
        size: BigInt(size),
        root: whole.rootAt(size),
      });
    }),
  );
});

test('no character of a proof can be changed or left out', () => {
  for (const [index, size] of [
    [0, 1],
    [3, 7],
    [6, 7],
  ] as const) {
    const text = proofOf(index, size);
    for (let at = 0; at < text.length; at++) {
      for (const forged of [
        text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
      ]) {
        const code = codeOf(() => verifyProof(forged, hashAt(whole.leaves, index), log));
        expect([at, code]).toEqual([at, expect.stringMatching(/^[A-Z_]+$/)]);
      }
    }
  }
});

test('a proof of one leaf is a proof of no other, whatever index or size it is given', () => {
  fc.assert(
    fc.property(place, fc.nat(299), fc.nat(299), ([index, size], otherLeaf, otherIndex) => {
      const text = proofOf(index, size);
      const moved = text.replace(/^index .*$/m, `index ${otherIndex}`);
      expect(codeOf(() => verifyProof(text, hashAt(whole.leaves, otherLeaf), log))).toMatch(
        otherLeaf === index ? 'accepted' : 'ROOT_MISMATCH',
      );
      expect(codeOf(() => verifyProof(moved, hashAt(whole.leaves, index), log))).toMatch(
        otherIndex === index ? 'accepted' : /^(ROOT_MISMATCH|MALFORMED_PROOF)$/,
      );
      const resized = text.replace(`\n${size}\n`, `\n${size + 1}\n`);
      expect(codeOf(() => verifyProof(resized, hashAt(whole.leaves, index), log))).toBe('SIGNATURE_INVALID');
    }),
  );
});

test('whatever proof is read can be written again to the same text', () => {
  fc.assert(
    fc.property(
      place,
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
      ([index, size], extra) => {
        const proof = parseProof(proofOf(index, size));
        const text = formatProof(extra === undefined ? proof : { ...proof, extra });
        expect(formatProof(parseProof(text))).toBe(text);
        expect(parseProof(text).extra).toEqual(extra);
        expect(codeOf(() => verifyProof(text, hashAt(whole.leaves, index), log))).toBe('accepted');
      },
    ),
  );
});

test('anything at all is refused with a code', () => {
  const lines = fc.array(
    fc.oneof(
      fc.constantFrom(
        'c2sp.org/tlog-proof@v1',
        'index 0',
        'index 1',
        'extra AAAA',
        '',
        'log.example/acme',
        '7',
        '— a AAAAAAA=',
      ),
      fc.string({ unit: 'binary' }),
      fc.base64String(),
    ),
  );
  fc.assert(
    fc.property(lines, (garbage) => {
      const text = `${garbage.join('\n')}\n`;
      expect(codeOf(() => verifyProof(text, hashAt(whole.leaves, 0), log))).toMatch(
        /^(MALFORMED_PROOF|MALFORMED_NOTE|UNKNOWN_KEY)$/,
      );
    }),
    { numRuns: 500 },
  );
});

test('refuses a proof of a size that nobody writes, before looking at it', () => {
  expect(codeOf(() => parseProof(`${proofOf(0, 1)}${'\n'.repeat(2_000_001)}`))).toBe('MALFORMED_PROOF');
});

test('refuses to write a proof that could not be read back', () => {
  const good = parseProof(proofOf(3, 7));
  const wrong = [
    { ...good, index: -1n },
    { ...good, index: 2n ** 63n },
    { ...good, hashes: [new Uint8Array(31)] },
    { ...good, hashes: Array.from({ length: 64 }, () => new Uint8Array(32)) },
    { ...good, checkpoint: '' },
  ];
  for (const proof of wrong) expect(codeOf(() => formatProof(proof))).toBe('MALFORMED_PROOF');
});
