import { expect, test } from 'vitest';
import { readOwn } from '../test/own-vectors.ts';
import { blake3Hash } from './blake3.ts';
import { formatHex, parseHex } from './bytes.ts';
import { canonicalText, isCanonical } from './canonical-json.ts';
import { CanonError } from './errors.ts';
import { requestText, type RequestParts } from './request.ts';
import type { SignedKind } from './signed-kinds.ts';
import { signedMessage, signObjectSync, verifyObject } from './sign.ts';
import { signerFromSeed } from './signer.ts';
import { spanIdFromCause, spanIdFromRandom } from './span-id.ts';
import { parseStrict } from './strict-json.ts';

function verdict(act: () => void): { code: string; pointer?: string | undefined } {
  try {
    act();
    return { code: 'ok' };
  } catch (fault) {
    if (!(fault instanceof CanonError)) throw fault;
    return { code: fault.code, pointer: fault.pointer };
  }
}

const valid: { cases: { name: string; input_hex: string; canonical: string; blake3: string }[] } = JSON.parse(
  readOwn('valid.json'),
);

test.each(valid.cases)('canonicalises $name', ({ input_hex, canonical, blake3 }) => {
  const input = parseHex(input_hex);
  const text = canonicalText(parseStrict(input));
  expect(text).toBe(canonical);
  expect(blake3Hash(new TextEncoder().encode(text))).toBe(blake3);
  expect(isCanonical(input)).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(input) === canonical);
});

const invalid: { cases: { name: string; input_hex: string; code: string; pointer: string }[] } = JSON.parse(
  readOwn('invalid.json'),
);

test.each(invalid.cases)('refuses $name', ({ input_hex, code, pointer }) => {
  expect(verdict(() => parseStrict(parseHex(input_hex)))).toEqual({ code, pointer });
});

interface SignatureCase {
  name: string;
  kind: SignedKind;
  object: { text?: string };
  public_key: string;
  message: string;
  code: string;
}
const signatures: { seed: string; kid: string; request: RequestParts; cases: SignatureCase[] } = JSON.parse(
  readOwn('signatures.json'),
);

test.each(signatures.cases)('judges $name', ({ kind, object, public_key, message, code }) => {
  expect(formatHex(signedMessage(kind, kind === 'request' ? object.text : object))).toBe(message);
  expect(verdict(() => verifyObject(kind, object, parseHex(public_key))).code).toBe(code);
});

test('signs the accepted objects of the vectors to the same bytes again', () => {
  const signer = signerFromSeed(signatures.kid, parseHex(signatures.seed));
  const signed = signatures.cases.flatMap(({ kind, object, code }) =>
    kind !== 'request' && code === 'ok' ? [{ kind, object }] : [],
  );
  expect(signed.map(({ kind, object }) => signObjectSync(kind, object, signer))).toEqual(
    signed.map(({ object }) => object),
  );
});

test('joins the parts of the request of the vectors', () => {
  const { object } = signatures.cases.find(({ name }) => name === 'a request') ?? {};
  expect(requestText(signatures.request)).toBe(object?.text);
});

test('makes the span ids of the vectors', () => {
  const ids: {
    from_cause: { ms: number; cause: string; service: string; step: string; id: string }[];
    from_random: { ms: number; random: string; id: string }[];
  } = JSON.parse(readOwn('span-ids.json'));
  for (const { ms, cause, service, step, id } of ids.from_cause)
    expect(spanIdFromCause(ms, cause, service, step)).toBe(id);
  for (const { ms, random, id } of ids.from_random) expect(spanIdFromRandom(ms, parseHex(random))).toBe(id);
});
