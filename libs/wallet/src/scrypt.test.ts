import { formatHex, utf8 } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import { scrypt as byNode } from './scrypt-node.ts';
import { scrypt as byNoble } from './scrypt-portable.ts';

describe.each([
  ['node', byNode],
  ['noble', byNoble],
])('scrypt by %s', (_name, scrypt) => {
  it('gives the first 32 bytes of RFC 7914 §12', () => {
    const key = scrypt(utf8('pleaseletmein'), utf8('SodiumChloride'), { n: 16_384, r: 8, p: 1 });
    expect(formatHex(key)).toBe('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2');
  });

  it('takes the largest cost a wallet file may ask for', () => {
    expect(scrypt(utf8('x'), utf8('y'), { n: 2 ** 18, r: 8, p: 1 })).toHaveLength(32);
  });
});
