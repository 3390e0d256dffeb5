import { signerFromSeed, verifyObject } from '@logline/canon-sign';
import { checkerOf, Proof } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { makeProof } from './proof.ts';

const iatMs = Date.parse('2026-11-23T12:00:00.000Z');
const signer = signerFromSeed('kid_sign_1', new Uint8Array(32).fill(1));
const ref = `mc:voulezvous/web@blake3:${'ab'.repeat(32)}`;
const terms = {
  id: 'prf_1',
  tenant: 'voulezvous',
  intent: 'deploy.allow' as const,
  subject: 'urn:minicontainer:voulezvous/web',
  ref,
  nonce: 'n0nce-0123456789',
  iatMs,
  expMs: iatMs + 600_000,
};

describe('makeProof', () => {
  it('gives a single-use proof the contract knows, signed by the key it names', async () => {
    const proof = await makeProof({ ...terms, aud: ['kid_ci'] }, signer);
    expect(checkerOf(Proof).check(proof)).toBe(true);
    expect(proof).toMatchObject({
      single_use: true,
      kid: 'kid_sign_1',
      aud: ['kid_ci'],
      iat: '2026-11-23T12:00:00.000Z',
      exp: '2026-11-23T12:10:00.000Z',
    });
    verifyObject('proof', proof, signer.publicKey);
  });

  it('needs no ref to stop', async () => {
    const { ref: _ref, ...rest } = terms;
    expect(await makeProof({ ...rest, intent: 'deploy.stop' }, signer)).not.toHaveProperty('ref');
  });

  it.each([
    ['longer than 15 minutes', { expMs: iatMs + 900_001 }],
    ['over before it begins', { expMs: iatMs }],
    ['that names no ref', { ref: undefined }],
    ['for another tenant', { tenant: 'other' }],
    ['for a tenant instead of a container', { subject: 'urn:tenant:voulezvous' }],
    ['for a manifest of another container', { ref: ref.replace('/web', '/api') }],
    ['with a short ref', { ref: 'mc:voulezvous/web@blake3:abcd' }],
    ['with a short nonce', { nonce: 'short' }],
    ['with an id of no form', { id: 'a b' }],
  ])('makes none %s', async (_what, change) => {
    await expect(makeProof({ ...terms, ...change }, signer)).rejects.toMatchObject({
      name: 'WalletError',
      code: 'BAD_PROOF',
    });
  });
});
