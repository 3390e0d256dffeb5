import { parseHex, verifyObject } from '@logline/canon-sign';
import { checkerOf, ruleOf, Manifest, Proof, Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import {
  applySpan,
  deploySpan,
  keyAddSpan,
  keyRevokeSpan,
  proofFor,
  proofSpan,
  runnerAddSpan,
  runnerHpkeKey,
  stopSpan,
  tenantCreatedSpan,
  testToken,
} from './installation.ts';
import { testKey } from './keys.ts';
import { manifestFor } from './manifests.ts';
import { signedSpan, type SignedSpan } from './spans.ts';

const { ref } = applySpan();
const proof = proofFor({ ref });

describe('builders', () => {
  it.each<[string, () => SignedSpan | Promise<SignedSpan>]>([
    ['tenantCreatedSpan', () => tenantCreatedSpan()],
    ['keyAddSpan', () => keyAddSpan({ added: testKey('second') })],
    ['keyRevokeSpan', () => keyRevokeSpan({ kid: 'second' })],
    ['runnerAddSpan', () => runnerAddSpan()],
    ['applySpan', () => applySpan()],
    ['proofSpan', () => proofSpan({ proof })],
    ['deploySpan', () => deploySpan({ ref, proof: proof.id })],
    ['stopSpan', () => stopSpan({})],
  ])('%s keeps to the contract, is really signed, and is the same each time', async (_, build) => {
    const { span, bytes } = await build();
    expect(checkerOf(Span).faults(span)).toEqual([]);
    expect(checkerOf(ruleOf(span.intent).payload).faults(span.payload)).toEqual([]);
    verifyObject('span', span, parseHex(testKey(span.signature.kid).pub));
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(span);
    expect((await build()).bytes).toEqual(bytes);
  });
  it('proofs and manifests keep to their contracts too', () => {
    expect(checkerOf(Proof).faults(proof)).toEqual([]);
    verifyObject('proof', proof, testKey('root').signer.publicKey);
    const { manifest } = manifestFor();
    expect(checkerOf(Manifest).faults(manifest)).toEqual([]);
    verifyObject('manifest', manifest, testKey('root').signer.publicKey);
  });
  it('possession is proven by the key that is added', () => {
    const { span } = tenantCreatedSpan();
    expect(() =>
      verifyObject('possession', span.payload ?? {}, testKey('root').signer.publicKey),
    ).not.toThrow();
  });
  it('spans with equal parts differ when they are told to', () => {
    const parts = { intent: 'deploy.stop', subject: 'urn:minicontainer:acme/web' };
    expect(signedSpan({ ...parts, nth: 1 }).span.this).not.toBe(signedSpan({ ...parts, nth: 2 }).span.this);
  });
  it('keys, tokens and HPKE keys are the same in every run', async () => {
    expect(testKey('root').seed).toBe(testKey('root').seed);
    expect(testToken().text).toMatch(/^lltok_tok1_/);
    expect((await runnerHpkeKey()).publicKey).toMatch(/^[0-9a-f]{64}$/);
  });
});
