import {
  blake3Hash,
  parseHex,
  parseStrict,
  signerFromSeed,
  formatHex,
  verifyObject,
} from '@logline/canon-sign';
import { checkerOf, Span } from '@logline/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signSpan, type SpanInput } from './span-draft.ts';

const signer = signerFromSeed('kid_sign_1', new Uint8Array(32).fill(9));
const NOW = Date.UTC(2026, 10, 23, 12);
const sign = (input: SpanInput) => signSpan(input, signer, NOW, 'sdk');
const short: SpanInput = {
  intent: 'deploy.apply',
  subject: 'urn:minicontainer:acme/web',
  payload: { ref: 'x' },
};
const spans = checkerOf(Span);

describe('a span of intent, subject and payload', () => {
  it('is filled in and signed', async () => {
    const { span, bytes } = await sign(short);
    expect(spans.faults(span)).toEqual([]);
    expect(span).toMatchObject({
      ...short,
      schema_version: '1.1.0',
      did: { actor: 'sdk', action: 'append' },
      ts: '2026-11-23T12:00:00.000Z',
    });
    expect(parseStrict(bytes)).toEqual(span);
    verifyObject('span', span, parseHex(formatHex(signer.publicKey)));
  });

  it.each([
    ['deploy.apply', 'function'],
    ['deploy.stop', 'function'],
    ['minicontainer.apply', 'contract'],
    ['registry.key.add', 'contract'],
    ['wallet.proof.submit', 'decision'],
    ['something.else', 'contract'],
  ])('of %s is a %s', async (intent, entityType) => {
    expect((await sign({ ...short, intent })).span.entity_type).toBe(entityType);
  });

  it('keeps what it is given, and drops what is undefined', async () => {
    const { span } = await sign({
      ...short,
      entity_type: 'law',
      ts: '2020-01-01T00:00:00Z',
      prev: undefined,
    });
    expect(span).toMatchObject({ entity_type: 'law', ts: '2020-01-01T00:00:00Z' });
    expect(span).not.toHaveProperty('prev');
  });

  it('has an id of its own each time', async () => {
    const [one, two] = [await sign(short), await sign(short)];
    expect(one.span.this).not.toBe(two.span.this);
  });
});

it('a span that is signed already is sent as it is', async () => {
  const { span, bytes } = await sign(short);
  const again = await signSpan(span, signerFromSeed('other', new Uint8Array(32).fill(1)), NOW + 1, 'x');
  expect(again.bytes).toEqual(bytes);
});

it('whatever the payload, the bytes are canonical and the signature holds', async () => {
  const payload = fc.dictionary(
    fc.string({ unit: 'grapheme' }),
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean()),
  );
  await fc.assert(
    fc.asyncProperty(payload, async (value) => {
      const { span, bytes } = await sign({ ...short, payload: value });
      verifyObject('span', parseStrict(bytes), signer.publicKey);
      expect(blake3Hash(bytes)).toBe(blake3Hash((await signSpan(span, signer, NOW, 'sdk')).bytes));
    }),
    { numRuns: 50 },
  );
});
