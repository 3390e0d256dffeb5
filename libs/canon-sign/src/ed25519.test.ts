import { Point } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { readPublished } from '../test/published-vectors.ts';
import { parseHex, utf8 } from './bytes.ts';
import * as browser from './ed25519-browser.ts';
import * as openssl from './ed25519-openssl.ts';
import { loadSodium, type Ed25519 } from './ed25519-sodium.ts';

// the same strict rule over all platforms: the module is loaded once with each of them as #ed25519
async function over(name: string, platform: Ed25519) {
  vi.resetModules();
  vi.doMock('#ed25519', () => platform);
  const { isValidSignature } = await import('./ed25519.ts');
  vi.doUnmock('#ed25519');
  return { name, isValidSignature, platform };
}

const sodium = loadSodium();
type Platform = Awaited<ReturnType<typeof over>>;
const platforms: readonly [Platform, ...Platform[]] = [
  await over('node:crypto', openssl),
  await over('noble', browser),
  ...(sodium === null ? [] : [await over('libsodium', sodium)]),
];

test('libsodium is there to be compared', ({ skip }) => {
  if (sodium === null) skip('sodium-native has no binary for this platform');
  expect(platforms.map(({ name }) => name)).toContain('libsodium');
});

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

const seed = new Uint8Array(32).fill(7);
const message = utf8('ll.span.v1\n');

describe.each(platforms)('over $name', ({ isValidSignature, platform }) => {
  const publicKey = platform.publicKeyFromSeed(seed);
  const signature = platform.signWithSeed(seed)(message);

  test('gives the verdict of Wycheproof on all 151 signatures', ({ skip }) => {
    const { testGroups }: Wycheproof = JSON.parse(
      readPublished('wycheproof-ed25519.json', { skip }).toString(),
    );
    const surprises: number[] = [];
    let count = 0;
    for (const { publicKey: key, tests } of testGroups) {
      for (const { tcId, msg, sig, result } of tests) {
        count++;
        if (isValidSignature(parseHex(key.pk), parseHex(msg), parseHex(sig)) !== (result === 'valid'))
          surprises.push(tcId);
      }
    }
    expect(count).toBe(151);
    expect(surprises).toEqual([]);
  });

  test('accepts what it signed', () => {
    expect(isValidSignature(publicKey, message, signature)).toBe(true);
  });

  test('refuses a signature with any one bit flipped', () => {
    for (let bit = 0; bit < 512; bit += 3) {
      const flipped = signature.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(isValidSignature(publicKey, message, flipped), `bit ${bit}`).toBe(false);
    }
  });

  test('is false, and never throws, for keys and signatures of any size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 80 }), (key, bytes) => {
        expect(isValidSignature(key, message, bytes)).toBe(false);
      }),
      { numRuns: 50 },
    );
    for (let y = 2; y < 40; y++) {
      // about half of these are on no curve
      expect(isValidSignature(Uint8Array.of(y, ...new Uint8Array(31)), message, signature)).toBe(false);
    }
  });
});

// The edge cases of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020, table 5), built here: every verifier that
// accepts one of them disagrees with another that does not. T is a point of order 8, L the order of B.
const L = Point.CURVE().n;
const T = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const B = Point.BASE;
const secret = 0x1234567890abcdefn;
const nonce = 0xfedcba0987654321n;

function toScalarBytes(scalar: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let i = 0, rest = scalar; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function hashToScalar(...parts: Uint8Array[]): bigint {
  const digest = sha512(Uint8Array.from(parts.flatMap((part) => [...part])));
  return digest.reduceRight((integer, byte) => (integer << 8n) | BigInt(byte), 0n) % L;
}

interface Edge {
  readonly key: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** R = [r]B + tR and A = [a]B + tA with S = r + k·a, over the first message for which the torsion left over is as wanted. */
function makeEdge(options: {
  a: bigint;
  tA: Point;
  r: bigint;
  tR: Point;
  wantsLeftover: boolean;
  encodedR?: Uint8Array;
  encodedA?: Uint8Array;
}): Edge {
  const { a, tA, r, tR, wantsLeftover } = options;
  const key = options.encodedA ?? B.multiply(a, false).add(tA).toBytes();
  const encodedR = options.encodedR ?? B.multiply(r, false).add(tR).toBytes();
  for (let i = 0; ; i++) {
    const text = utf8(`edge ${i}`);
    const k = hashToScalar(encodedR, key, text);
    // [S]B - [k]A - R = -([k]tA + tR)
    const leftover = tA.multiply(k % 8n, false).add(tR);
    if (leftover.is0() === wantsLeftover) continue;
    return { key, message: text, signature: Uint8Array.of(...encodedR, ...toScalarBytes((r + k * a) % L)) };
  }
}

const valid = makeEdge({ a: secret, tA: Point.ZERO, r: nonce, tR: Point.ZERO, wantsLeftover: false });
const withS = (edge: Edge, add: bigint): Edge => {
  const s = edge.signature.slice(32).reduceRight((integer, byte) => (integer << 8n) | BigInt(byte), 0n);
  return { ...edge, signature: Uint8Array.of(...edge.signature.slice(0, 32), ...toScalarBytes(s + add)) };
};
const pPlus1 = parseHex(`ee${'ff'.repeat(30)}7f`);

const edges: [string, Edge, boolean][] = [
  ['a plain key and signature', valid, true],
  [
    'A and R of mixed order whose torsion cancels',
    makeEdge({ a: secret, tA: T, r: nonce, tR: T, wantsLeftover: false }),
    true,
  ],
  [
    'S = 0 with A and R of small order',
    makeEdge({ a: 0n, tA: T, r: 0n, tR: T, wantsLeftover: false }),
    false,
  ],
  [
    'A of small order and R of mixed order',
    makeEdge({ a: 0n, tA: T, r: nonce, tR: T, wantsLeftover: false }),
    false,
  ],
  [
    'A of mixed order and R of small order',
    makeEdge({ a: secret, tA: T, r: 0n, tR: T, wantsLeftover: false }),
    false,
  ],
  [
    'A and R of mixed order, good only with the cofactor',
    makeEdge({ a: secret, tA: T, r: nonce, tR: T, wantsLeftover: true }),
    false,
  ],
  [
    'A of mixed order and R of order L, good only with the cofactor',
    makeEdge({ a: secret, tA: T, r: nonce, tR: Point.ZERO, wantsLeftover: true }),
    false,
  ],
  ['S + L', withS(valid, L), false],
  ['S + 8L', withS(valid, 8n * L), false],
  [
    'R of small order in an encoding that is not canonical',
    makeEdge({ a: secret, tA: T, r: 0n, tR: Point.ZERO, wantsLeftover: false, encodedR: pPlus1 }),
    false,
  ],
  [
    'A of small order in an encoding that is not canonical',
    makeEdge({ a: 0n, tA: Point.ZERO, r: nonce, tR: Point.ZERO, wantsLeftover: false, encodedA: pPlus1 }),
    false,
  ],
];

test.each(edges)('judges %s alike on all platforms', (_name, { key, message: text, signature }, isValid) => {
  expect(platforms.map((platform) => platform.isValidSignature(key, text, signature))).toEqual(
    platforms.map(() => isValid),
  );
});

test('the rule is what refuses points of small order: the group equation alone holds for them', () => {
  for (const name of ['S = 0 with A and R of small order', 'A of mixed order and R of small order']) {
    const edge = edges.find(([of]) => of === name)?.[1] ?? valid;
    // not asked of node:crypto: OpenSSL 3.0 accepts them, 3.5 refuses some, which is why the rule is ours
    expect(browser.verifyCofactorless(edge.key, edge.message, edge.signature)).toBe(true);
  }
});

describe.each(platforms)('over $name', ({ isValidSignature, platform }) => {
  test('leaves a key as it was, though it is a Buffer, whose slice() is a view', () => {
    const key = Buffer.from(platform.publicKeyFromSeed(new Uint8Array(32).fill(2)));
    key[31] = (key[31] ?? 0) | 0x80;
    const before = Buffer.from(key);
    isValidSignature(key, message, Buffer.alloc(64));
    expect(key).toEqual(before);
  });

  test('derives the same keys as the others, signs the same bytes, and accepts their signatures', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array(), (anySeed, text) => {
        const key = platform.publicKeyFromSeed(anySeed);
        for (const other of platforms) {
          const signature = other.platform.signWithSeed(anySeed)(text);
          expect(other.platform.publicKeyFromSeed(anySeed)).toEqual(key);
          expect(platform.signWithSeed(anySeed)(text)).toEqual(signature);
          expect(isValidSignature(key, text, signature)).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('refuses what was changed, in any bit of key, message or signature', () => {
    const key = platform.publicKeyFromSeed(seed);
    const signature = platform.signWithSeed(seed)(message);
    for (const part of [key, message, signature]) {
      for (let bit = 0; bit < part.length * 8; bit += 7) {
        part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(isValidSignature(key, message, signature)).toBe(false);
        part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      }
    }
    expect(isValidSignature(key, message, signature)).toBe(true);
  });
});

test('judges the keys of many signers, more than it remembers', () => {
  const [{ isValidSignature, platform }] = platforms;
  const keys = Array.from({ length: 5000 }, (_, i) =>
    platform.publicKeyFromSeed(Uint8Array.of(i & 0xff, i >> 8, ...new Uint8Array(30))),
  );
  const signature = platform.signWithSeed(new Uint8Array(32))(message);
  expect(keys.filter((key) => isValidSignature(key, message, signature))).toEqual([keys[0]]);
  expect(isValidSignature(keys[0] ?? message, message, signature)).toBe(true);
});
