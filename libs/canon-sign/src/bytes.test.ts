import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatBase64,
  formatBase64url,
  formatHex,
  parseBase64,
  parseBase64url,
  parseHex,
  utf8,
} from './bytes.ts';

const malformed = expect.objectContaining({ name: 'CanonError', code: 'MALFORMED' });

test('every encoding reads back what it wrote, as Buffer writes it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      expect(formatHex(bytes)).toBe(buffer.toString('hex'));
      expect(formatBase64(bytes)).toBe(buffer.toString('base64'));
      expect(formatBase64url(bytes)).toBe(buffer.toString('base64url'));
      expect(parseHex(formatHex(bytes), bytes.length)).toEqual(bytes);
      expect(parseBase64(formatBase64(bytes))).toEqual(bytes);
      expect(parseBase64url(formatBase64url(bytes))).toEqual(bytes);
    }),
  );
});

test('large values go both ways', () => {
  const bytes = new Uint8Array(3_000_000).fill(250);
  expect(parseBase64(formatBase64(bytes)).length).toBe(3_000_000);
});

test.each(['0', 'AB', '0g', ' 00', '00\n', '0x00'])('hex refuses %j', (text) => {
  expect(() => parseHex(text)).toThrow(malformed);
});

test('hex of another length than asked for is refused', () => {
  expect(() => parseHex('00', 2)).toThrow(malformed);
});

test.each([
  'A',
  'AA',
  'AAA',
  'AA=',
  'AB==',
  'AAB=',
  'AAAA=',
  '====',
  'A===',
  'AA==\n',
  ' AA==',
  'AA==AA==',
  'AA-_',
  'AAA\u00e9',
])('base64 refuses %j', (text) => {
  expect(() => parseBase64(text)).toThrow(malformed);
});

test.each(['A', 'AA==', 'AB', 'AAB', 'AA+/', 'AA A', 'AA\n'])('base64url refuses %j', (text) => {
  expect(() => parseBase64url(text)).toThrow(malformed);
});

test('text with half a surrogate pair has no bytes', () => {
  expect(() => utf8('a\ud800')).toThrow(expect.objectContaining({ code: 'LONE_SURROGATE' }));
  expect(formatHex(utf8('é😀'))).toBe('c3a9f09f9880');
});
