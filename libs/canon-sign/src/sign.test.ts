import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blake3Digest } from './blake3.ts';
import { formatHex, utf8 } from './bytes.ts';
import { canonicalBytes, parseCanonical } from './canonical-json.ts';
import { CanonError } from './errors.ts';
import type { SignedKind, SignedObjectKind } from './signed-kinds.ts';
import { SIGNED_KINDS } from './signed-kinds.ts';
import {
  signCanonical,
  signedMessage,
  signObject,
  signObjectSync,
  verifyCanonical,
  verifyObject,
} from './sign.ts';
import { publicKeyFromSeed, signerFromSeed, type Signer } from './signer.ts';
import { parseStrict } from './strict-json.ts';

const kinds: SignedObjectKind[] = ['manifest', 'span', 'proof', 'grant', 'receipt', 'possession', 'commit'];
const signer = signerFromSeed('kid_1', new Uint8Array(32).fill(1));
const { publicKey } = signer;

function codeOf(act: () => void): string {
  try {
    act();
  } catch (fault) {
    if (fault instanceof CanonError) return fault.code;
    throw fault;
  }
  return 'ok';
}

const payload = fc.dictionary(
  fc.string({ unit: 'grapheme' }),
  fc.oneof(fc.string(), fc.maxSafeInteger(), fc.array(fc.boolean())),
  {
    noNullPrototype: true,
  },
);

test.each(kinds)(
  'a signed %s verifies, also after a trip through bytes, and the draft is left alone',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(payload, async (fields) => {
        const draft = { payload: fields };
        const signed = await signObject(kind, draft, signer);
        verifyObject(kind, signed, publicKey);
        verifyObject(kind, parseStrict(canonicalBytes(signed)), publicKey);
        expect(draft).toEqual({ payload: fields });
        expect(signObjectSync(kind, draft, signer)).toEqual(signed);
      }),
      { numRuns: 25 },
    );
  },
);

test.each(kinds)('any byte changed in a signed %s is refused', (kind) => {
  const bytes = canonicalBytes(signObjectSync(kind, { payload: { amount: '12.50', n: 3 } }, signer));
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.slice();
    changed[i] = (changed[i] ?? 0) ^ 1;
    expect(
      codeOf(() => verifyObject(kind, parseStrict(changed), publicKey)),
      `byte ${i}`,
    ).not.toBe('ok');
  }
});

test('a signature of one kind never passes for another', () => {
  const contexts = new Set<string>();
  for (const kind of kinds) {
    contexts.add(new TextDecoder().decode(signedMessage(kind, {}).slice(0, -32)));
    for (const other of kinds) {
      const object = { payload: 1 };
      const isOwn = kind === other;
      const mark = { kid: 'kid_1', alg: 'ed25519-blake3' };
      // the same bytes are hashed for both, only the context differs
      const { holder, field, prefix } = SIGNED_KINDS[other];
      const named = holder ? { ...object, [holder]: mark } : object;
      const digest = signedMessage(other, named).slice(-32);
      const context = utf8(`${SIGNED_KINDS[kind].context}\n`);
      const value =
        prefix + Buffer.from(signer.sign(Uint8Array.of(...context, ...digest))).toString('base64');
      const signed = holder
        ? { ...object, [holder]: { ...mark, [field]: value } }
        : { ...object, [field]: value };
      expect(
        codeOf(() => verifyObject(other, signed, publicKey)),
        `${kind} as ${other}`,
      ).toBe(isOwn ? 'ok' : 'SIGNATURE_INVALID');
    }
  }
  contexts.add(new TextDecoder().decode(signedMessage('request', '').slice(0, -32)));
  expect([...contexts].toSorted()).toEqual([
    'll.commit.v1\n',
    'll.grant.v1\n',
    'll.minicontainer.v1\n',
    'll.possession.v1\n',
    'll.proof.v1\n',
    'll.receipt.v1\n',
    'll.request.v1\n',
    'll.span.v1\n',
  ]);
});

test('the message is the context, a line feed and the hash of the canonical bytes without the signature value', () => {
  const span = { b: 1, a: 2, signature: { sig: 'AA==', kid: 'k', alg: 'ed25519-blake3' } };
  const hashed = blake3Digest(utf8('{"a":2,"b":1,"signature":{"alg":"ed25519-blake3","kid":"k"}}'));
  expect(formatHex(signedMessage('span', span))).toBe(
    formatHex(Uint8Array.of(...utf8('ll.span.v1\n'), ...hashed)),
  );
  expect(formatHex(signedMessage('receipt', { log: 'x', merkle: 'm', signature: 's' }).slice(-32))).toBe(
    formatHex(blake3Digest(utf8('{"log":"x"}'))),
  );
});

test('a request is signed as the string it is', async () => {
  const text = 'POST\napi.example\n/v1/spans';
  const signature = await signObject('request', text, signer);
  verifyObject('request', { text, signature }, publicKey);
  expect(signObjectSync('request', text, signer)).toBe(signature);
  expect(codeOf(() => verifyObject('request', { text: `${text}\n`, signature }, publicKey))).toBe(
    'SIGNATURE_INVALID',
  );
  expect(codeOf(() => verifyObject('request', { text }, publicKey))).toBe('SIGNATURE_MISSING');
  expect(codeOf(() => verifyObject('request', { text: 1, signature }, publicKey))).toBe('MALFORMED');
});

test('kid and alg are filled in, and an old signature is replaced', () => {
  const old = { a: 1, provenance: { kid: 'old', alg: 'old', sig: 'old', note: 'kept' } };
  const { provenance } = signObjectSync('manifest', old, signer);
  expect(provenance).toEqual({ kid: 'kid_1', alg: 'ed25519-blake3', note: 'kept', sig: provenance.sig });
  expect(signObjectSync('grant', { a: 1 }, signer)).toEqual({
    a: 1,
    kid: 'kid_1',
    sig: expect.stringMatching(/^ed25519:[^:]{88}$/),
  });
  expect(Object.keys(signObjectSync('possession', { kid: 'kid_2' }, signer))).toEqual(['kid', 'possession']);
});

test('a signer that takes its time signs the same', async () => {
  const slow: Signer = { kid: signer.kid, sign: (message) => Promise.resolve(signer.sign(message)) };
  const signed = await signObject('proof', { id: 'p' }, slow);
  expect(signed).toEqual(signObjectSync('proof', { id: 'p' }, signer));
});

test('what is no plain object is malformed, never signed and never verified', () => {
  for (const kind of [
    'manifest',
    'span',
    'proof',
    'grant',
    'receipt',
    'possession',
    'request',
  ] satisfies SignedKind[]) {
    for (const garbage of [null, undefined, 1, 'text', [], new Map(), { signature: [] }]) {
      const code = codeOf(() => verifyObject(kind, garbage, publicKey));
      expect(['MALFORMED', 'SIGNATURE_MISSING'], `${kind} ${String(garbage)}`).toContain(code);
    }
  }
  expect(codeOf(() => signObjectSync('span', new Map(), signer))).toBe('MALFORMED');
  expect(codeOf(() => signObjectSync('span', { a: undefined }, signer))).toBe('UNSUPPORTED_VALUE');
});

test('a signature by a key of the wrong size is invalid', () => {
  const span = signObjectSync('span', { a: 1 }, signer);
  expect(codeOf(() => verifyObject('span', span, publicKey.subarray(1)))).toBe('SIGNATURE_INVALID');
});

test('a seed that is not 32 bytes is refused', () => {
  expect(codeOf(() => signerFromSeed('k', new Uint8Array(31)))).toBe('MALFORMED');
  expect(codeOf(() => publicKeyFromSeed(new Uint8Array(64)))).toBe('MALFORMED');
});

test('a signer does not change when its seed is wiped', () => {
  const seed = new Uint8Array(32).fill(9);
  const own = signerFromSeed('k', seed);
  seed.fill(0);
  const span = signObjectSync('span', { a: 1 }, own);
  expect(codeOf(() => verifyObject('span', span, own.publicKey))).toBe('ok');
});

/** Drafts that look in every place like what a signature adds. */
const lookalikes = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>('', '"sig":"', ',"sig":"A"}', { alg: 'ed25519-blake3', kid: 'kid_1' }, 7, null),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom('signature', 'provenance', 'sig', 'alg', 'kid', 'a', 'zz', 'x"signature', 'a,"sig'),
      tie('any'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).any;
const drafts = fc.dictionary(
  fc.constantFrom('a', 'payload', 'signature', 'provenance', 'sig', 'zz'),
  lookalikes,
  {
    maxKeys: 5,
    noNullPrototype: true,
  },
);

test.each(['span', 'manifest'] as const)(
  'a %s signed with its bytes is the same, whatever else is in it',
  (kind) => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const signed = signObjectSync(kind, draft, signer);
        expect(signCanonical(kind, draft, signer)).toEqual({ signed, bytes: canonicalBytes(signed) });
      }),
      { numRuns: 500 },
    );
  },
);

test.each(kinds)('a %s is verified from its bytes as it is from its value', (kind) => {
  fc.assert(
    fc.property(drafts, fc.constantFrom('a', 'payload'), fc.nat(), (draft, where, at) => {
      const signed: Readonly<Record<string, unknown>> = { ...signObjectSync(kind, draft, signer) };
      const { holder, field } = SIGNED_KINDS[kind];
      const held: Readonly<Record<string, unknown>> = holder === undefined ? signed : Object(signed[holder]);
      for (const candidate of [
        signed,
        // the signature once more somewhere else, alone and in its place
        { ...signed, [where]: { alg: 'x', [field]: held[field] } },
        { ...signed, ...(holder === undefined ? {} : { [holder]: { [field]: held[field] }, [where]: held }) },
        { ...signed, ...(holder === undefined ? {} : { [holder]: { ...held, zz: 1 }, [where]: held }) },
      ]) {
        const bytes = canonicalBytes(candidate);
        const expected = codeOf(() => verifyObject(kind, candidate, publicKey));
        expect(codeOf(() => verifyCanonical(kind, candidate, bytes, publicKey))).toBe(expected);
        const changed = bytes.slice();
        const spot = at % changed.length;
        changed[spot] = (changed[spot] ?? 0) ^ 1;
        let value: unknown;
        try {
          value = parseCanonical(changed);
        } catch {
          continue; // not canonical any more
        }
        expect(codeOf(() => verifyCanonical(kind, value, changed, publicKey))).not.toBe('ok');
      }
    }),
    { numRuns: 300 },
  );
});
