import { formatHex } from '@logline/canon-sign';
import { expect, test } from 'vitest';
import { sha256 as portableSha256 } from './sha256-portable.ts';
import { leafHash } from './leaf.ts';

const text = new TextEncoder();

test('hashes the empty leaf and "L123456" as the RFC 6962 reference does', () => {
  expect(formatHex(leafHash(new Uint8Array(0)))).toBe(
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
  expect(formatHex(leafHash(text.encode('L123456')))).toBe(
    '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
  );
});

test('hashes entries of every length around the shared buffer alike on Node and elsewhere', () => {
  for (const length of [0, 1, 54, 55, 56, 64, 1000, 65_534, 65_535, 65_536, 70_000]) {
    const entry = new Uint8Array(length).fill(length % 251);
    expect(leafHash(entry)).toEqual(portableSha256(Uint8Array.of(0, ...entry)));
  }
});

test('a shorter entry is not mixed up with what a longer one left in the buffer', () => {
  leafHash(new Uint8Array(1000).fill(7));
  expect(leafHash(text.encode('a'))).toEqual(portableSha256(Uint8Array.of(0, 0x61)));
});
