import { formatCosignerKey, formatVkey } from '@logline/tlog';
import { signerFromSeed } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import { parseWitnessPolicy } from './witness-policy.ts';

const publicKey = (which: number) => signerFromSeed('k', new Uint8Array(32).fill(which)).publicKey;
const w1 = `witness w1 ${formatCosignerKey('w1.example', publicKey(1))} https://w1.example/prefix/`;
const w2 = `witness w2 ${formatCosignerKey('w2.example', publicKey(2))} http://w2.example:8460`;

describe('the policy of our witnesses', () => {
  it('says whom to ask, where, and who is enough', () => {
    const policy = parseWitnessPolicy(`${w1}\n${w2}\ngroup g all w1 w2\nquorum g\n`, 'policy');
    expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual([
      ['w1', 'https://w1.example/prefix'],
      ['w2', 'http://w2.example:8460'],
    ]);
    expect(policy.isQuorum(['w1'])).toBe(false);
    expect(policy.isQuorum(['w2', 'w1'])).toBe(true);
    expect(policy.concerns('logs.test/anything')).toBe(true);
  });

  it('without a quorum takes any cosignature for one, and none for none', () => {
    const policy = parseWitnessPolicy(`${w1}\n${w2}\nquorum none\n`, 'policy');
    expect(policy.isQuorum([])).toBe(false);
    expect(policy.isQuorum(['w2'])).toBe(true);
  });

  it('that names logs is about those only', () => {
    const log = `log ${formatVkey('logs.test/acme', publicKey(9))}`;
    const policy = parseWitnessPolicy(`${log}\n${w1}\nquorum w1\n`, 'policy');
    expect(policy.concerns('logs.test/acme')).toBe(true);
    expect(policy.concerns('logs.test/umbra')).toBe(false);
  });

  it.each([
    ['is no policy', 'witness'],
    ['names nobody', 'quorum none'],
    ['does not say where a witness is', `${w1.split(' ').slice(0, 3).join(' ')}\nquorum w1`],
    ['says so in a way that nobody can follow', `${w1.replace('https:', 'ftp:')}\nquorum w1`],
    ['says so in no way', `${w1.replace('https://', '')}\nquorum w1`],
  ])('that %s is refused by name', (_, text) => {
    expect(() => parseWitnessPolicy(text, '/etc/policy')).toThrow(
      expect.objectContaining({ code: 'BAD_POLICY', message: expect.stringContaining('/etc/policy') }),
    );
  });
});
