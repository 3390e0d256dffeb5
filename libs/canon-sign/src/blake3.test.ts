import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPublished } from '../test/published-vectors.ts';
import { hash as hashInBrowser } from './blake3-browser.ts';
import { hash as hashInNode } from './blake3-node.ts';
import { blake3Digest, blake3Hash } from './blake3.ts';
import { formatHex, utf8 } from './bytes.ts';

test('hashes the 35 published lengths, by WASM and in JavaScript', ({ skip }) => {
  const { cases }: { cases: { input_len: number; hash: string }[] } = JSON.parse(
    readPublished('blake3.json', { skip }).toString(),
  );
  for (const { input_len, hash } of cases) {
    const input = Uint8Array.from({ length: input_len }, (_, i) => i % 251);
    expect(formatHex(hashInNode(input)), `${input_len} bytes in node`).toBe(hash.slice(0, 64));
    expect(formatHex(hashInBrowser(input)), `${input_len} bytes in the browser`).toBe(hash.slice(0, 64));
  }
  expect(cases.length).toBe(35);
});

test('hashes in pieces what is too large to be copied at once', () => {
  for (const length of [1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 + 77]) {
    const input = new Uint8Array(length).fill(7);
    expect(formatHex(hashInNode(input))).toBe(formatHex(hashInBrowser(input)));
  }
});

test('gives the same digest by WASM and in JavaScript, for views into larger buffers too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(100), (bytes, from) => {
      const view = bytes.subarray(Math.min(from, bytes.length));
      expect(hashInNode(view)).toEqual(hashInBrowser(view));
    }),
  );
});

test('writes hashes with their algorithm in front', () => {
  expect(blake3Hash(utf8(''))).toBe(
    'blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
  );
});

test('gives plain bytes that stay as they are', () => {
  const first = blake3Digest(utf8('a'));
  const before = first.slice();
  blake3Digest(utf8('b'));
  expect(first).toEqual(before);
  expect(first.constructor).toBe(Uint8Array);
});
