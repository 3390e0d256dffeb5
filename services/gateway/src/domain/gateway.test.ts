import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blake3Hash,
  canonicalBytes,
  formatHex,
  requestText,
  signerFromSeed,
  signObjectSync,
  utf8,
} from '@logline/canon-sign';
import { formatCursor, parseCursor } from './cursor.ts';
import { languageOf } from './language.ts';
import { toProblem } from './problem.ts';
import { RateLimiter } from './rate-limit.ts';
import { checkPayloadHash, verifySignature, type HttpRequest, type SignedHeaders } from './request-auth.ts';
import { splitBody } from './split-body.ts';
import { GatewayError } from '../errors.ts';

const coded = (code: string) => expect.objectContaining({ code });

describe('a cursor', () => {
  it('comes back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1 }), (index) => {
        expect(parseCursor(formatCursor(index))).toBe(index);
      }),
    );
  });
  it.each(['', 'x', 'MTI', '../..', formatCursor(0).slice(1), 'YzEuMDE'])(
    'is refused when it is %j',
    (text) => {
      expect(() => parseCursor(text)).toThrowError(coded('400_BAD_REQUEST'));
    },
  );
});

describe('a body', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const copy = (view: Uint8Array) => new Uint8Array(view);
  it('is one span, an array, or lines', () => {
    const one = canonicalBytes({ a: 1 });
    expect(splitBody(bytes('{"a":1}'), 'json')).toEqual([one]);
    expect(splitBody(bytes('[{"a":1},{"a":1}]'), 'json')).toEqual([one, one]);
    expect(splitBody(bytes('{"a":1}\n{"a":1}\n'), 'ndjson')).toEqual([one, one]);
  });
  it('is split into canonical spans, whatever it looked like', () => {
    const value = fc.jsonValue().filter((one) => {
      try {
        canonicalBytes(one);
        return true;
      } catch {
        return false;
      }
    });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), fc.constantFrom(0, 2), (spans, indent) => {
        const wanted = spans.map((span) => canonicalBytes(span));
        expect(splitBody(bytes(JSON.stringify(spans, null, indent)), 'json').map(copy)).toEqual(wanted);
        expect(splitBody(canonicalBytes(spans), 'json').map(copy)).toEqual(wanted);
        expect(
          splitBody(bytes(spans.map((span) => JSON.stringify(span)).join('\n')), 'ndjson').map(copy),
        ).toEqual(wanted);
        const [one] = spans;
        if (!Array.isArray(one))
          expect(splitBody(canonicalBytes(one), 'json').map(copy)).toEqual([wanted[0]]);
      }),
    );
  });
  it('holds spans of 64 levels and none deeper', () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    for (const wrap of [(text: string) => text, (text: string) => ` [${text}]`]) {
      expect(splitBody(bytes(wrap(nested(64))), 'json')).toHaveLength(1);
      expect(() => splitBody(bytes(wrap(nested(65))), 'json')).toThrowError(coded('400_BAD_REQUEST'));
    }
  });
  it.each([
    ['', 'json'],
    ['[]', 'json'],
    ['{"a":1,"a":2}', 'json'],
    ['{"a":9007199254740993}', 'json'],
    ['{"a":1}\n\n{"a":1}', 'ndjson'],
    ['{"a":1} trailing', 'json'],
    ['\ufeff{}', 'json'],
  ] as const)('%j as %s is refused with 400', (text, form) => {
    expect(() => splitBody(bytes(text), form)).toThrowError(coded('400_BAD_REQUEST'));
  });
  it('names the place of the fault', () => {
    try {
      splitBody(bytes('{"a":1}\n{"b":{"c":1,"c":2}}'), 'ndjson');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ details: [{ pointer: expect.stringMatching(/^\/1\/b/) }] });
    }
  });
  it('of more than 1,000 spans is too large', () => {
    expect(() => splitBody(bytes(`[${'{},'.repeat(1000)}{}]`), 'json')).toThrowError(coded('413_TOO_LARGE'));
    expect(() => splitBody(bytes('{}\n'.repeat(1001)), 'ndjson')).toThrowError(coded('413_TOO_LARGE'));
  });
});

describe('a signed request', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const signer = signerFromSeed('root', new Uint8Array(32).fill(7));
  const keyOf = async (kid: string) => (kid === 'root' ? formatHex(signer.publicKey) : null);
  const rules = { authorities: new Set(['api.test']), mustBeSigned: true, nowMs };

  function request(patch: Partial<SignedHeaders> = {}, body = utf8('{}')): HttpRequest {
    const headers = {
      tenant: 'acme',
      timestamp: new Date(nowMs).toISOString(),
      nonce: randomUUID(),
      idempotencyKey: 'k1',
      payloadHash: `blake3-256=${blake3Hash(body).slice(7)}`,
      alg: 'ed25519-blake3',
      keyId: 'root',
      contentType: 'application/json',
      contentEncoding: undefined,
    };
    const parts = { method: 'POST', authority: 'api.test', target: '/v1/spans' };
    const { payloadHash, ...rest } = headers;
    const text = requestText({ ...parts, ...rest, payloadHash: payloadHash.slice('blake3-256='.length) });
    const signature = signObjectSync('request', text, signer);
    return { ...parts, headers: { ...headers, signature, ...patch }, bodyHash: blake3Hash(body) };
  }

  it('verifies, and says what it spends', async () => {
    const good = request();
    checkPayloadHash(good);
    await expect(verifySignature(good, rules, keyOf)).resolves.toMatchObject({
      keyId: 'root',
      idempotencyKey: 'k1',
    });
  });

  it('does not when any part of it is changed or taken away', async () => {
    const changes: Partial<SignedHeaders>[] = [
      { tenant: 'other' },
      { nonce: randomUUID() },
      { idempotencyKey: 'k2' },
      { contentType: 'text/plain' },
      { contentEncoding: 'zstd' },
      { keyId: 'other' },
      { timestamp: new Date(nowMs + 1).toISOString() },
      { alg: 'ed25519' },
      { signature: undefined },
      { nonce: undefined },
      { payloadHash: undefined },
    ];
    for (const patch of changes) {
      await expect(verifySignature(request(patch), rules, keyOf), JSON.stringify(patch)).rejects.toThrowError(
        coded('401_UNAUTHORIZED'),
      );
    }
    await expect(verifySignature({ ...request(), target: '/v1/spans?x' }, rules, keyOf)).rejects.toThrowError(
      coded('401_UNAUTHORIZED'),
    );
    await expect(verifySignature({ ...request(), authority: 'evil' }, rules, keyOf)).rejects.toThrowError(
      coded('401_UNAUTHORIZED'),
    );
    await expect(
      verifySignature({ ...request(), bodyHash: blake3Hash(utf8('[]')) }, rules, keyOf),
    ).rejects.toThrowError(coded('401_UNAUTHORIZED'));
  });

  it('is stale 121 seconds later', async () => {
    await expect(
      verifySignature(request(), { ...rules, nowMs: nowMs + 120_000 }, keyOf),
    ).resolves.not.toBeNull();
    await expect(
      verifySignature(request(), { ...rules, nowMs: nowMs + 120_001 }, keyOf),
    ).rejects.toThrowError(coded('401_UNAUTHORIZED'));
  });

  it('may be left unsigned where the span signs for itself', async () => {
    const bare = request({ signature: undefined });
    await expect(verifySignature(bare, { ...rules, mustBeSigned: false }, keyOf)).resolves.toBeNull();
  });

  it('is refused when the payload hash is of something else', () => {
    expect(() => checkPayloadHash(request({ payloadHash: 'blake3-256=00' }))).toThrowError(
      coded('400_BAD_REQUEST'),
    );
  });
});

it('a caller gets its rate, and a whole bucket again after a second', () => {
  const limiter = new RateLimiter(3);
  expect([1, 2, 3, 4].map(() => limiter.take('a', 0).isAllowed)).toEqual([true, true, true, false]);
  expect(limiter.take('b', 0).isAllowed).toBe(true);
  expect(limiter.take('a', 0).retryAfterS).toBe(1);
  expect(limiter.take('a', 1000)).toMatchObject({ isAllowed: true, left: 2 });
});

it('our own faults say nothing of themselves', () => {
  const secret = 'password=hunter2';
  expect(JSON.stringify(toProblem(new Error(secret), 't', 0))).not.toContain('hunter2');
  expect(toProblem(new GatewayError('404_NOT_FOUND', 'unknown'), 't', 0)).toMatchObject({
    status: 404,
    code: '404_NOT_FOUND',
    retryable: false,
  });
});

it.each([
  [undefined, 'en'],
  ['pt-BR,pt;q=0.9,en;q=0.8', 'pt-BR'],
  ['en-US,pt;q=0.5', 'en'],
  ['fr, *', 'en'],
  ['fr;q=1, pt;q=0.2', 'pt-BR'],
] as const)('Accept-Language %j is answered in %s', (header, language) => {
  expect(languageOf(header)).toBe(language);
});
