import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { canonicalBytes } from '@logline/canon-sign';
import { MAX_ENVELOPE_BYTES, MAX_ENVELOPE_SPANS, type Ack } from '@logline/contracts';
import { answer } from '@logline/jetstream';
import { eventually, signedSpan, SUBJECT, TENANT, testKey, testToken } from '@logline/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptAll,
  okAck,
  OPERATOR_TOKEN,
  otherHalf,
  refusal,
  root,
  startGatewayWorld,
  type GatewayWorld,
  type Told,
} from './gateway-world.ts';

let world: GatewayWorld;
let judge: Parameters<typeof otherHalf>[1];
let half: Awaited<ReturnType<typeof otherHalf>>;
beforeAll(async () => {
  world = await startGatewayWorld({ WAIT_MS: '1500' });
  half = await otherHalf(world.nc, (told) => judge(told));
});
afterAll(async () => {
  await half.stop();
  await world.close();
});
afterEach(() => {
  judge = acceptAll;
  half.told.length = 0;
});
judge = acceptAll;

const spanOf = (nth: number, more: Record<string, unknown> = {}) =>
  signedSpan({
    intent: 'deploy.stop',
    subject: SUBJECT,
    nth,
    payload: { target: { provider: 'docker' }, ...more },
  });
const bodies = (count: number, padding = 0) =>
  Array.from({ length: count }, (_, i) => spanOf(i, padding === 0 ? {} : { pad: 'x'.repeat(padding) }).bytes);
const asArray = (spans: readonly Uint8Array[]) =>
  `[${spans.map((one) => Buffer.from(one).toString()).join(',')}]`;
const asLines = (spans: readonly Uint8Array[]) =>
  `${spans.map((one) => Buffer.from(one).toString()).join('\n')}\n`;
const post = (body: string | Uint8Array, more: object = {}) => world.call('/v1/spans', { body, ...more });

describe('what is sent on', () => {
  it('is the canonical bytes of each span, with who asks and in which language', async () => {
    const { span, bytes } = spanOf(1);
    const trace = randomBytes(16).toString('hex');
    const pretty = JSON.stringify(Object.fromEntries(Object.entries(span).toReversed()), null, 2);
    const reply = await post(pretty, {
      headers: { 'accept-language': 'pt-BR', traceparent: `00-${trace}-${'b'.repeat(16)}-01` },
    });
    expect(reply.status).toBe(200);
    expect(reply.json()).toMatchObject([{ status: 'ok', this: span.this, trace_id: trace }]);
    expect(reply.headers.get('request-id')).toBe(trace);
    const [told] = half.told;
    expect(told?.bodies.map((one) => Buffer.from(one))).toEqual([Buffer.from(bytes)]);
    expect(told?.request).toMatchObject({
      tenant: TENANT,
      language: 'pt-BR',
      trace,
      caller: { kind: 'token', token: 'tok1' },
    });
    expect(told?.request.wait_ms).toBeLessThanOrEqual(1500);
  });

  it('is the same for one span, an array, lines, and zstd', async () => {
    const spans = bodies(3);
    const ndjson = { contentType: 'application/x-ndjson' };
    const replies = [
      await post(asArray(spans)),
      await post(asLines(spans), ndjson),
      await post(asLines(spans).trimEnd(), ndjson),
      await post(zstdCompressSync(asLines(spans)), { ...ndjson, headers: { 'content-encoding': 'zstd' } }),
      await post(zstdCompressSync(asArray(spans)), {
        headers: { 'content-encoding': 'zstd' },
        signedBy: undefined,
      }),
    ];
    for (const [i, reply] of replies.entries()) {
      expect([i, reply.status, reply.json().map((ack: Ack) => ack.status)]).toEqual([
        i,
        200,
        ['ok', 'ok', 'ok'],
      ]);
      expect(half.told[i]?.bodies.map((one) => Buffer.from(one))).toEqual(
        spans.map((one) => Buffer.from(one)),
      );
    }
  });

  it("is the operator's, who is told as such, signed by an operator's key or not at all", async () => {
    const asOperator = { token: OPERATOR_TOKEN, tenant: 'unborn' };
    const replies = [
      await post(spanOf(1).bytes, asOperator),
      await post(spanOf(1).bytes, { ...asOperator, signedBy: testKey('operator') }),
      await post(spanOf(1).bytes, { ...asOperator, signedBy: root }),
      await post(spanOf(1).bytes, { signedBy: testKey('operator') }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 401, 401]);
    for (const { request } of half.told)
      expect(request).toMatchObject({ tenant: 'unborn', caller: { kind: 'operator' } });
  });

  it('carries the idempotency key of an unsigned request too', async () => {
    await post(spanOf(1).bytes, { headers: { 'idempotency-key': 'by hand' } });
    expect(half.told[0]?.request.caller).toEqual({
      kind: 'token',
      token: 'tok1',
      idempotency_key: 'by hand',
      payload_hash: expect.stringMatching(/^blake3:[0-9a-f]{64}$/),
    });
  });
});

describe('many spans', () => {
  it('go as several envelopes, the next behind the acks of the one before, and come back in order', async () => {
    const spans = bodies(300);
    let answered = 0;
    const early: number[] = [];
    judge = async (told) => {
      early.push(told.request.spans[0]?.position ?? -1, answered);
      await pause(20);
      answered += told.request.spans.length;
      return acceptAll(told).toReversed();
    };
    const reply = await post(asArray(spans));
    expect(reply.status).toBe(200);
    expect(early).toEqual([0, 0, 128, 128, 256, 256]);
    expect(reply.json().map((ack: Ack & { this: string }) => ack.this)).toEqual(
      spans.map((bytes) => JSON.parse(Buffer.from(bytes).toString()).this),
    );
  });

  it('that are large go as envelopes of at most 512 KiB', async () => {
    const spans = bodies(40, 40_000);
    expect((await post(asLines(spans), { contentType: 'application/x-ndjson' })).status).toBe(200);
    expect(half.told.length).toBeGreaterThanOrEqual(4);
    for (const { request, bodies: sent } of half.told) {
      expect(request.spans.length).toBeLessThanOrEqual(MAX_ENVELOPE_SPANS);
      expect(sent.reduce((sum, one) => sum + one.length, 0)).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES);
    }
    expect(half.told.flatMap(({ request }) => request.spans.map(({ position }) => position))).toEqual(
      spans.map((_, i) => i),
    );
  });

  it('get 207 and an ack each, a span too large for any log among them', async () => {
    const huge = canonicalBytes({ pad: 'x'.repeat(70_000) });
    const [one, two, three] = bodies(3);
    if (one === undefined || two === undefined || three === undefined) return;
    judge = ({ request, bodies: sent }) =>
      request.spans.map(({ position }, i) => ({
        position,
        ack: position === 1 ? refusal('403_FORBIDDEN', request.trace) : okAck(request, sent[i]),
      }));
    const reply = await post(asArray([one, huge, two, three]));
    expect(reply.status).toBe(207);
    expect(reply.json().map((ack: Ack) => (ack.status === 'ok' ? 200 : ack.http_status))).toEqual([
      200, 413, 403, 200,
    ]);
  });

  it('a single one that is too large is 413, and nobody is asked', async () => {
    const reply = await post(canonicalBytes({ pad: 'x'.repeat(70_000) }));
    expect([reply.status, reply.json()[0].code]).toEqual([413, '413_TOO_LARGE']);
    expect(half.told).toEqual([]);
  });

  it('of many clients share envelopes while one is on its way', async () => {
    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => post(spanOf(i).bytes)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    for (const [i, reply] of replies.entries()) expect(reply.json()[0].this).toBe(spanOf(i).span.this);
  });
});

describe('an ack', () => {
  it.each(['403_FORBIDDEN', '428_PROOF_REQUIRED', '422_SCHEMA_INVALID'] as const)(
    'of %s gives a single span that status',
    async (code) => {
      judge = ({ request }) => [{ position: 0, ack: refusal(code, request.trace) }];
      const reply = await post(spanOf(1).bytes);
      expect([reply.status, reply.json()[0].code]).toEqual([Number(code.slice(0, 3)), code]);
    },
  );

  it('that was given before is marked as replayed', async () => {
    judge = ({ request, bodies: sent }) => [
      { position: 0, ack: { ...okAck(request, sent[0]), replayed: true } as Ack },
    ];
    expect((await post(spanOf(1).bytes)).headers.get('idempotency-replayed')).toBe('true');
    judge = acceptAll;
    expect((await post(spanOf(1).bytes)).headers.get('idempotency-replayed')).toBeNull();
  });

  it('of a twin in flight may be asked for again, of another conflict not', async () => {
    const conflict =
      (reason: string) =>
      ({ request }: Told) => [
        {
          position: 0,
          ack: {
            ...refusal('403_FORBIDDEN', request.trace),
            code: '409_IDEMPOTENCY_CONFLICT',
            http_status: 409,
            reason,
          } as Ack,
        },
      ];
    judge = conflict('in_flight');
    expect((await post(spanOf(1).bytes)).headers.get('x-should-retry')).toBe('true');
    judge = conflict('payload_mismatch');
    expect((await post(spanOf(1).bytes)).headers.get('x-should-retry')).toBe('false');
  });

  it('counts once, and one that is none is not taken', async () => {
    judge = ({ request, bodies: sent }) => {
      world.nc.publish(request.reply, 'garbage');
      world.nc.publish(
        request.reply,
        JSON.stringify({ v: 1, trace: request.trace, acks: [{ position: 0, ack: {} }] }),
      );
      answer(world.nc, request.reply, request.trace, [{ position: 7, ack: okAck(request, sent[0]) }]);
      answer(world.nc, request.reply, request.trace, [{ position: 0, ack: okAck(request, sent[0]) }]);
      return [{ position: 0, ack: refusal('403_FORBIDDEN', request.trace) }];
    };
    expect((await post(spanOf(1).bytes)).status).toBe(200);
  });
});

describe('silence', () => {
  it('is 503 with Retry-After, and says that the outcome is unknown', async () => {
    judge = () => [];
    const started = Date.now();
    const reply = await post(spanOf(1).bytes);
    expect(Date.now() - started).toBeLessThan(5000);
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
    expect(reply.json()).toMatchObject({ code: '503_UNAVAILABLE', retryable: true });
  });

  it('about some of several leaves the acks of the others', async () => {
    judge = ({ request, bodies: sent }) => [{ position: 0, ack: okAck(request, sent[0]) }];
    const reply = await post(asArray(bodies(2)));
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([207, '1']);
    expect(reply.json().map((ack: Ack) => (ack.status === 'ok' ? 200 : ack.http_status))).toEqual([200, 503]);
  });

  it('about the first part keeps the later ones back', async () => {
    judge = () => [];
    expect((await post(asArray(bodies(200)))).status).toBe(503);
    expect(half.told.map(({ request }) => request.spans.length)).toEqual([128]);
  });
});

it('a token has its rate, and is told how much of it is left', async () => {
  const own = randomUUID();
  await world.restart({ LOGLINE_GATEWAY_REQUESTS_PER_SECOND: '5' });
  try {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => world.call('/v1/log/acme/checkpoint', { headers: { 'x-test': own } })),
    );
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(refused[0]?.json()).toMatchObject({ code: '429_RATE_LIMITED', retryable: true });
    for (const { headers } of replies) {
      expect(headers.get('ratelimit-policy')).toBe('"default";q=5;w=1');
      expect(headers.get('ratelimit')).toMatch(/^"default";r=[0-5];t=1$/);
    }
  } finally {
    await world.restart();
  }
});

it('a queue that is full is 503 with Retry-After, and room is used again', async () => {
  await half.stop();
  try {
    // nobody takes anything: SUBMIT fills up to its bounds, and refuses what comes then
    const big = asArray(bodies(120, 4000));
    const statuses: number[] = [];
    const told: string[] = [];
    for (let i = 0; i < 1000 && !told.some((detail) => /nothing was accepted/.test(detail)); i += 100) {
      const replies = await Promise.all(Array.from({ length: 100 }, () => post(big)));
      statuses.push(...replies.map(({ status }) => status));
      told.push(...replies.map((reply) => String(reply.json().detail)));
      for (const reply of replies) expect(reply.headers.get('retry-after')).toBe('1');
    }
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(told.some((detail) => /nothing was accepted/.test(detail))).toBe(true);
  } finally {
    half = await otherHalf(world.nc, (one) => judge(one));
  }
  await eventually(async () => expect((await post(spanOf(1).bytes)).status).toBe(200), { withinMs: 30_000 });
});

it('a token that was revoked does not get in any more', async () => {
  const second = testToken('second');
  const subject = `urn:tenant:${TENANT}`;
  const create = { kind: 'registry/apikey.v1', token_id: 'tok2', hash: second.hash, scopes: ['*'] };
  await world.log.append(signedSpan({ intent: 'registry.apikey.create', subject, payload: create }));
  // not waited for: the first request of a fresh token waits for the views
  expect((await post(spanOf(1).bytes, { token: second.text })).status).toBe(200);
  const revoke = { kind: 'registry/apikey-revocation.v1', token_id: 'tok2' };
  await world.log.append(signedSpan({ intent: 'registry.apikey.revoke', subject, payload: revoke }));
  await eventually(async () =>
    expect((await post(spanOf(1).bytes, { token: second.text })).status).toBe(401),
  );
  expect((await post(spanOf(1).bytes, { signedBy: root })).status).toBe(200);
});
