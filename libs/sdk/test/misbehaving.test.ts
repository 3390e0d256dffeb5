import { parseHex, requestText, verifyObject, blake3Hash } from '@logline/canon-sign';
import { signedSpan, SUBJECT, testKey } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConnectionError,
  ForbiddenError,
  IdempotencyConflictError,
  InternalError,
  LogLineError,
  LogLineSDK,
  NotFoundError,
  ProofRequiredError,
  RateLimitedError,
  SchemaInvalidError,
  TooLargeError,
  UnauthorizedError,
  type LogLineConfig,
} from '../src/index.ts';
import {
  drop,
  dropHalfway,
  json,
  problem,
  stall,
  startScriptedServer,
  type ScriptedServer,
  type Seen,
  type Step,
} from './scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(async () => {
  await server.close();
});

const { signer, pub } = testKey('root');
const sdkOf = (more: Partial<LogLineConfig> = {}) =>
  new LogLineSDK({
    baseUrl: server.url,
    apiKey: 'lltok_a_b',
    tenant: 'acme',
    signer,
    timeoutMs: 300,
    ...more,
  });
const draft = { intent: 'deploy.stop', subject: SUBJECT, payload: { target: { provider: 'docker' } } };

/** An ok for whatever span comes. */
const accept: Step = (response, { body }) => {
  const spans: unknown = JSON.parse(body.toString());
  const acks = [spans].flat().map((span) => ({
    status: 'ok',
    this: (span as { this: string }).this,
    trace_id: 't',
    receipt: receiptOf((span as { this: string }).this, blake3Hash(body)),
  }));
  json(200, acks)(response, { method: '', target: '', headers: {}, body });
};
const receiptOf = (id: string, hash: string) => ({
  ts: '2026-01-01T00:00:00.000Z',
  hash,
  signature: `${'A'.repeat(86)}==`,
  merkle: 'm',
  this: id,
  log: 'logline.test/acme',
  index: 1,
});
const refuse =
  (code: string, more: object = {}, headers: Record<string, string> = {}): Step =>
  (response, seen) => {
    const { this: id } = JSON.parse(seen.body.toString()) as { this: string };
    const status = Number(code.slice(0, 3));
    const ack = {
      status: 'invalid',
      trace_id: 't',
      code,
      http_status: status,
      details: [],
      errors: ['no'],
      suggested_reply: 'do this',
      this: id,
    };
    json(status, [{ ...ack, ...more }], headers)(response, seen);
  };

/** Checks the signature of a request as a server does, by the bytes that came. */
function verifySigned({ method, target, headers, body }: Seen): void {
  const header = (name: string): string => String(headers[name] ?? '');
  const payloadHash = blake3Hash(body).slice('blake3:'.length);
  expect(header('x-payload-hash')).toBe(`blake3-256=${payloadHash}`);
  const text = requestText({
    method,
    authority: header('host'),
    target,
    tenant: header('x-tenant-id'),
    alg: header('x-signature-alg'),
    keyId: header('x-signature-keyid'),
    timestamp: header('x-timestamp'),
    nonce: header('x-nonce'),
    idempotencyKey: header('idempotency-key'),
    contentType: header('content-type'),
    payloadHash,
  });
  verifyObject('request', { text, signature: header('x-signature') }, parseHex(pub));
}

describe('a call that fails on the way', () => {
  it.each<[string, Step]>([
    ['says 503', problem('503_UNAVAILABLE')],
    [
      'says 500 in HTML',
      (response) => void response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>'),
    ],
    ['says 408', (response) => void response.writeHead(408).end()],
    ['hangs up', drop],
    ['hangs up halfway', dropHalfway],
    ['says nothing', stall],
  ])('because the server %s is made again, signed anew, under the same idempotency key', async (_, step) => {
    server.script(step, step, accept);
    const [ack] = await sdkOf().append(draft);
    expect(ack?.status).toBe('ok');
    expect(server.seen).toHaveLength(3);
    for (const one of server.seen) verifySigned(one);
    const of = (name: string) => server.seen.map(({ headers }) => headers[name]);
    expect(new Set(of('idempotency-key')).size).toBe(1);
    expect(new Set(of('x-nonce')).size).toBe(3);
    expect(new Set(server.seen.map(({ body }) => body.toString())).size).toBe(1);
  });

  it('is given up after its retries, with the reason', async () => {
    server.script(problem('503_UNAVAILABLE'));
    await expect(sdkOf({ retries: 1 }).append(draft)).rejects.toThrowError(InternalError);
    expect(server.seen).toHaveLength(2);
    server.script(stall);
    await expect(sdkOf({ retries: 0 }).append(draft)).rejects.toMatchObject({
      name: 'ConnectionError',
      code: 'TIMEOUT',
    });
    const gone = new LogLineSDK({
      baseUrl: 'http://127.0.0.1:9',
      apiKey: 'x',
      tenant: 'acme',
      signer,
      retries: 0,
    });
    await expect(gone.append(draft)).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('127.0.0.1:9'),
    });
  });

  it('waits as long as Retry-After says, in seconds or as a date', async () => {
    for (const wait of [() => '1', () => new Date(Date.now() + 2000).toUTCString()]) {
      server.script(problem('429_RATE_LIMITED', {}, { 'retry-after': wait() }), accept);
      const started = Date.now();
      await sdkOf().append(draft);
      expect(Date.now() - started).toBeGreaterThan(400);
      expect(server.seen).toHaveLength(2);
    }
  });

  it('is given back at once when the server asks for more patience than a caller has', async () => {
    server.script(problem('429_RATE_LIMITED', {}, { 'retry-after': '3600' }));
    const error = await sdkOf()
      .append(draft)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error).toMatchObject({
      retryAfter: 3600,
      status: 429,
      code: '429_RATE_LIMITED',
      traceId: 'f'.repeat(32),
    });
    expect(server.seen).toHaveLength(1);
  });

  it('is made again for a twin in flight, and not for another conflict', async () => {
    server.script(
      refuse('409_IDEMPOTENCY_CONFLICT', { reason: 'in_flight' }, { 'x-should-retry': 'true' }),
      accept,
    );
    expect((await sdkOf().append(draft))[0]?.status).toBe('ok');
    server.script(refuse('409_PREV_CONFLICT', {}, { 'x-should-retry': 'false' }));
    await expect(sdkOf().append(draft)).rejects.toThrowError(IdempotencyConflictError);
    expect(server.seen).toHaveLength(1);
  });

  it('ends when its caller aborts, while waiting and while pausing', async () => {
    for (const step of [stall, problem('503_UNAVAILABLE', {}, { 'retry-after': '30' })]) {
      server.script(step);
      const started = Date.now();
      const call = sdkOf({ timeoutMs: 20_000 }).append(draft, { signal: AbortSignal.timeout(100) });
      await expect(call).rejects.toMatchObject({ name: 'ConnectionError', code: 'ABORTED' });
      expect(Date.now() - started).toBeLessThan(2000);
    }
  });

  it('follows no redirect with its token', async () => {
    server.script((response) => void response.writeHead(307, { location: `${server.url}/elsewhere` }).end());
    await expect(sdkOf({ retries: 0 }).append(draft)).rejects.toThrowError(ConnectionError);
    expect(server.seen).toHaveLength(1);
  });
});

describe('a clock that is ten minutes off', () => {
  it.each([10, -10])(
    'by %i minutes mends itself, and the span is signed anew by the right one',
    async (minutes) => {
      const serverNow = () => Date.now() + minutes * 60_000;
      const strict: Step = (response, seen) => {
        const off = Math.abs(Date.parse(String(seen.headers['x-timestamp'])) - serverNow());
        const { ts } = JSON.parse(seen.body.toString()) as { ts: string };
        if (off > 120_000) {
          problem('401_UNAUTHORIZED', { server_time: new Date(serverNow()).toISOString() })(response, seen);
        } else if (Math.abs(Date.parse(ts) - serverNow()) > 120_000)
          refuse('422_SCHEMA_INVALID')(response, seen);
        else accept(response, seen);
      };
      server.script(strict);
      const sdk = sdkOf({ retries: 0 });
      expect((await sdk.append(draft))[0]?.status).toBe('ok');
      expect(server.seen).toHaveLength(2);
      expect(Math.abs(sdk.now() - serverNow())).toBeLessThan(5000);
      for (const one of server.seen) verifySigned(one);
      // and stays mended
      await sdk.append(draft);
      expect(server.seen).toHaveLength(3);
    },
  );

  it('is not the reason for every 401', async () => {
    server.script(problem('401_UNAUTHORIZED', { server_time: new Date().toISOString() }));
    await expect(sdkOf().append(draft)).rejects.toThrowError(UnauthorizedError);
    expect(server.seen).toHaveLength(1);
  });
});

describe('an answer', () => {
  it.each([
    ['401_UNAUTHORIZED', UnauthorizedError],
    ['403_FORBIDDEN', ForbiddenError],
    ['404_NOT_FOUND', NotFoundError],
    ['409_PREV_CONFLICT', IdempotencyConflictError],
    ['413_TOO_LARGE', TooLargeError],
    ['428_PROOF_REQUIRED', ProofRequiredError],
  ] as const)('of %s to a single span is thrown as its own class, with the ack', async (code, Class) => {
    server.script(refuse(code));
    const error = await sdkOf()
      .append(draft)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Class);
    expect(error).toMatchObject({ code, ack: { code, suggested_reply: 'do this' }, fix: 'do this' });
  });

  it('of 422 is given back: what is missing is said in it', async () => {
    const missing = { status: 'need_more', missing_fields: ['/payload/ref'], code: '422_SCHEMA_INVALID' };
    server.script(refuse('422_SCHEMA_INVALID', missing));
    expect(await sdkOf().append(draft)).toMatchObject([missing]);
  });

  it('for several spans is an ack each, and nothing is thrown', async () => {
    const spans = [1, 2].map((nth) => signedSpan({ intent: 'deploy.stop', subject: SUBJECT, nth }));
    const ack = {
      status: 'invalid',
      trace_id: 't',
      code: '403_FORBIDDEN',
      http_status: 403,
      details: [],
      errors: [],
      suggested_reply: '',
    };
    server.script(json(207, [ack, ack]));
    expect((await sdkOf().appendSigned(spans)).map(({ status }) => status)).toEqual(['invalid', 'invalid']);
    server.script(problem('400_BAD_REQUEST'));
    await expect(sdkOf().appendSigned(spans)).rejects.toThrowError(SchemaInvalidError);
  });

  it('that its own span is there already is its ok; that another one is, is not', async () => {
    const signed = await sdkOf().sign(draft);
    const receipt = receiptOf(signed.span.this, blake3Hash(signed.bytes));
    server.script(refuse('409_IDEMPOTENCY_CONFLICT', { receipt }));
    expect(await sdkOf().appendSigned([signed])).toMatchObject([{ status: 'ok', replayed: true, receipt }]);
    const other = receiptOf(signed.span.this, `blake3:${'0'.repeat(64)}`);
    server.script(refuse('409_SPAN_EXISTS', { receipt: other }));
    const error = await sdkOf()
      .appendSigned([signed])
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IdempotencyConflictError);
    expect(error).toMatchObject({ receipt: other });
  });

  it.each<[string, Step]>([
    [
      'no JSON',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>'),
    ],
    ['no acks', json(200, [{ status: 'fine' }])],
    ['too few acks', json(200, [])],
    ['an object', json(200, {})],
  ])('that is %s is said to be that', async (_, step) => {
    server.script(step);
    await expect(sdkOf().append(draft)).rejects.toMatchObject({ name: 'LogLineError', code: 'PROTOCOL' });
  });

  it('to a question is checked before it is believed', async () => {
    server.script(json(200, { items: [{}], has_more: false }));
    await expect(sdkOf().query({ subject: SUBJECT })).rejects.toThrowError(LogLineError);
    await expect(sdkOf().state(SUBJECT)).rejects.toThrowError(LogLineError);
    await expect(sdkOf().artifact(`blake3:${'0'.repeat(64)}`)).rejects.toThrowError(LogLineError);
    server.script(problem('404_NOT_FOUND'));
    expect([await sdkOf().state(SUBJECT), await sdkOf().span('x'), await sdkOf().receipt('x')]).toEqual([
      null,
      null,
      null,
    ]);
  });
});

describe('a stream', () => {
  const spans = Array.from({ length: 6 }, (_, nth) =>
    signedSpan({ intent: 'run_state.running', subject: SUBJECT, nth, payload: { node: 'São Paulo' } }),
  );
  const event = (i: number) => `id: c${i}\ndata: ${Buffer.from(spans[i]?.bytes ?? []).toString()}\n\n`;
  const sse =
    (write: (response: Parameters<Step>[0]) => void): Step =>
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      write(response);
    };

  async function take(
    count: number,
    more: Partial<LogLineConfig> = {},
  ): Promise<{ ids: string[]; reconnects: unknown[] }> {
    const end = new AbortController();
    const ids: string[] = [];
    const reconnects: unknown[] = [];
    const events = sdkOf({ streamIdleMs: 400, ...more }).events({ subject: SUBJECT }, end.signal, (error) =>
      reconnects.push(error),
    );
    for await (const { span } of events) {
      ids.push(span.this);
      if (ids.length === count) end.abort();
    }
    return { ids, reconnects };
  }

  it('is put together from stalls, cuts in the middle of an event, refusals and a half character, without gap or duplicate', async () => {
    const odd = Buffer.from(event(3));
    const half = odd.indexOf(0xc3) + 1;
    server.script(
      sse(
        (response) =>
          void response.write(
            `retry: 5\nid: c-\ndata:\n\n${event(0)}${event(1)}${event(2).slice(0, 60)}`,
            () => setTimeout(() => response.socket?.destroy(), 20),
          ),
      ),
      problem('503_UNAVAILABLE'),
      stall,
      sse((response) => {
        response.write(event(2));
        response.write(odd.subarray(0, half));
        setTimeout(() => response.write(odd.subarray(half)), 20);
        setTimeout(() => response.end(': bye\n\n'), 60);
      }),
      drop,
      sse((response) => void response.write(`: still here\n\n${event(4)}${event(5)}`)),
    );
    const { ids, reconnects } = await take(6);
    expect(ids).toEqual(spans.map(({ span }) => span.this));
    expect(server.seen.map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      'c1',
      'c1',
      'c1',
      'c3',
      'c3',
    ]);
    expect(reconnects).toHaveLength(5);
  });

  it('that falls silent is opened again behind the last id', async () => {
    server.script(
      sse((response) => void response.write(event(0))),
      sse((response) => void response.write(event(1))),
    );
    expect((await take(2)).ids).toHaveLength(2);
    expect(server.seen[1]?.headers['last-event-id']).toBe('c0');
  });

  it('that is only heartbeats stays open', async () => {
    server.script(
      sse((response) => {
        const beat = setInterval(() => response.write(': still here\n\n'), 50);
        setTimeout(() => {
          clearInterval(beat);
          response.write(event(0));
        }, 1200);
      }),
    );
    expect((await take(1)).reconnects).toEqual([]);
  });

  it.each(['401_UNAUTHORIZED', '403_FORBIDDEN', '404_NOT_FOUND', '410_CURSOR_EXPIRED', '400_BAD_REQUEST'])(
    'that is answered %s is given up',
    async (code) => {
      server.script(problem(code));
      await expect(take(1)).rejects.toMatchObject({ code });
      expect(server.seen).toHaveLength(1);
    },
  );

  it.each<[string, Step]>([
    ['is no span', sse((response) => void response.write('data: {"a":1}\n\n'))],
    ['is no JSON', sse((response) => void response.write('data: hello\n\n'))],
    [
      'comes as a page',
      (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>login</h1>'),
    ],
  ])('of something that %s is given up, not asked for for ever', async (_, step) => {
    server.script(step);
    await expect(take(1)).rejects.toMatchObject({ code: 'PROTOCOL' });
    expect(server.seen).toHaveLength(1);
  });

  it('by callback ends when told to, and tells what ended it otherwise', async () => {
    server.script(sse((response) => void response.write(event(0) + event(1))));
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      const stop = sdkOf().stream({ subject: SUBJECT }, ({ this: id }) => {
        seen.push(id);
        stop();
        resolve();
      });
    });
    expect(seen).toHaveLength(1);
    server.script(problem('403_FORBIDDEN'));
    const error = await new Promise((resolve) =>
      sdkOf().stream({ subject: SUBJECT }, () => undefined, resolve),
    );
    expect(error).toBeInstanceOf(ForbiddenError);
  });

  it('by polling asks behind the last cursor', async () => {
    const page = (items: readonly number[], cursor: string, has_more: boolean): Step =>
      json(200, { items: items.map((i) => spans[i]?.span), cursor, has_more });
    server.script(
      page([], 'end', false),
      page([0, 1], 'c1', true),
      page([2], 'c2', false),
      page([3], 'c3', false),
    );
    expect((await take(4, { defaultTransport: 'polling' })).ids).toEqual(
      spans.slice(0, 4).map(({ span }) => span.this),
    );
    const asked = server.seen.map(({ body }) => (JSON.parse(body.toString()) as { cursor?: string }).cursor);
    expect(asked.slice(0, 4)).toEqual([undefined, 'end', 'c1', 'c2']);
  });
});
