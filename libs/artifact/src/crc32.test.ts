import { utf8 } from '@logline/canon-sign';
import { expect, it } from 'vitest';
import { crc32 } from './crc32.ts';

it('gives the check value of CRC-32/ISO-HDLC', () => {
  expect(crc32(utf8('123456789'))).toBe(0xcbf4_3926);
  expect(crc32(new Uint8Array())).toBe(0);
});
