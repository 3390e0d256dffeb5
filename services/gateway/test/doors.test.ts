import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { zstdCompressSync } from 'node:zlib';
import { blake3Hash, formatBase64url, utf8 } from '@logline/canon-sign';
import { CANONICAL_CODES, checkerOf, Problem } from '@logline/contracts';
import { signedSpan, SUBJECT, tenantCreatedSpan, testKey, testToken } from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptAll,
  OPERATOR_TOKEN,
  otherHalf,
  root,
  startGatewayWorld,
  type CallOptions,
  type GatewayWorld,
  type Reply,
} from './gateway-world.ts';
import { LogMaker } from './log-maker.ts';

let world: GatewayWorld;
let half: Awaited<ReturnType<typeof otherHalf>>;
beforeAll(async () => {
  world = await startGatewayWorld({ WAIT_MS: '2000' });
  half = await otherHalf(world.nc, acceptAll);
});
afterAll(async () => {
  await half.stop();
  await world.close();
});

const problems = checkerOf(Problem);
const SPAN_ID = 'urn:span:019a0000-0000-7000-8000-00000000abcd';
const HASH = blake3Hash(utf8('nothing'));
const cursor = (inside: string): string => formatBase64url(utf8(inside));

/** The whole of what a client may rely on when it is told no. */
function expectProblem(reply: Reply, code: string): void {
  expect(reply.text.slice(0, 300), reply.text.slice(0, 300)).toContain(code);
  const problem = reply.json();
  expect(problems.faults(problem)).toEqual([]);
  expect(problem.code).toBe(code);
  expect(reply.status).toBe(CANONICAL_CODES[code as keyof typeof CANONICAL_CODES].status);
  expect(problem.status).toBe(reply.status);
  expect(reply.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(reply.headers.get('request-id')).toBe(problem.trace_id);
  expect(reply.text).not.toMatch(/\bat .*\.(js|ts):\d|node_modules|Error:|select |FST_ERR/);
}

type Case = readonly [name: string, target: string, options: CallOptions, code: string];

const ROUTES: readonly (readonly [method: string, target: string])[] = [
  ['POST', '/v1/spans'],
  ['POST', '/v1/spans/query'],
  ['GET', `/v1/spans/${SPAN_ID}`],
  ['GET', `/v1/receipts/${SPAN_ID}`],
  ['GET', '/v1/stream'],
  ['POST', '/v1/stream/tickets'],
  ['GET', `/v1/state/view?subject=${SUBJECT}`],
  ['PUT', `/v1/artifacts/${HASH}`],
  ['GET', `/v1/artifacts/${HASH}`],
];

describe.each(ROUTES)('%s %s', (method, target) => {
  const body = method === 'GET' ? {} : { body: '{}' };
  it.concurrent.each<readonly [string, CallOptions]>([
    ['no token', { token: null }],
    ['no tenant', { tenant: null }],
    ['a token of the wrong form', { token: 'x' }],
    ['another scheme', { headers: { authorization: 'Bearer abcdefghijklmnopqrstuvwxyz' } }],
    ['an unknown token', { token: testToken('unknown').text }],
    ['another tenant', { tenant: 'other' }],
    ['a tenant that is no name', { tenant: '../etc' }],
    ['two tenants', { tenant: 'acme, other' }],
    ['an endless token', { token: 'a'.repeat(5000) }],
  ])('answers 401 to %s, whatever else is wrong', async (_, options) => {
    const reply = await world.call(target.replace(HASH, 'garbage'), { method, ...body, ...options });
    expectProblem(reply, '401_UNAUTHORIZED');
    expect(Math.abs(Date.parse(reply.json().server_time) - Date.now())).toBeLessThan(60_000);
  });

  it('answers 405 with Allow to other methods, and 204 to OPTIONS', async () => {
    for (const wrong of ['DELETE', 'PATCH', method === 'GET' ? 'POST' : 'TRACE']) {
      if (wrong === 'POST' && ['/v1/stream', '/v1/spans'].includes(target)) continue;
      const reply = await world.call(target, { method: wrong });
      expectProblem(reply, '405_METHOD_NOT_ALLOWED');
      expect(reply.headers.get('allow')?.split(', ')).toContain(method);
    }
    const options = await world.call(target, { method: 'OPTIONS', token: null });
    expect(options.status).toBe(204);
    expect(options.headers.get('allow')?.split(', ')).toContain(method);
    expect(options.headers.get('request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is closed to the operator, who may only create tenants', async () => {
    if (target === '/v1/spans') return;
    expectProblem(await world.call(target, { method, ...body, token: OPERATOR_TOKEN }), '403_FORBIDDEN');
  });
});

const query = (value: unknown): CallOptions => ({ body: JSON.stringify(value) });
const CASES: readonly Case[] = [
  ['no JSON', '/v1/spans', { body: '{"a":' }, '400_BAD_REQUEST'],
  ['no body', '/v1/spans', { method: 'POST' }, '400_BAD_REQUEST'],
  ['an empty array', '/v1/spans', { body: '[]' }, '400_BAD_REQUEST'],
  ['a duplicate key', '/v1/spans', { body: '{"a":1,"a":1}' }, '400_BAD_REQUEST'],
  ['bytes that are no text', '/v1/spans', { body: new Uint8Array([0xff, 0xfe, 0]) }, '400_BAD_REQUEST'],
  ['a very deep value', '/v1/spans', { body: '['.repeat(100_000) }, '400_BAD_REQUEST'],
  [
    'a span one too deep',
    '/v1/spans',
    { body: `${'{"a":'.repeat(65)}1${'}'.repeat(65)}` },
    '400_BAD_REQUEST',
  ],
  ['a blank line', '/v1/spans', { body: '{}\n\n{}', contentType: 'application/x-ndjson' }, '400_BAD_REQUEST'],
  ['1001 spans', '/v1/spans', { body: `[${'{},'.repeat(1000)}{}]` }, '413_TOO_LARGE'],
  ['17 MiB', '/v1/spans', { body: randomBytes(17 * 1024 * 1024) }, '413_TOO_LARGE'],
  [
    'a form',
    '/v1/spans',
    { body: 'a=1', contentType: 'application/x-www-form-urlencoded' },
    '415_MEDIA_TYPE',
  ],
  ['plain text', '/v1/spans', { body: '{}', contentType: 'text/plain' }, '415_MEDIA_TYPE'],
  ['no media type at all', '/v1/spans', { body: '{}', contentType: ';;;' }, '415_MEDIA_TYPE'],
  ['gzip', '/v1/spans', { body: '{}', headers: { 'content-encoding': 'gzip' } }, '415_MEDIA_TYPE'],
  [
    'no zstd in zstd',
    '/v1/spans',
    { body: '{}', headers: { 'content-encoding': 'zstd' } },
    '400_BAD_REQUEST',
  ],
  [
    'a zstd bomb',
    '/v1/spans',
    { body: zstdCompressSync(Buffer.alloc(200 * 1024 * 1024)), headers: { 'content-encoding': 'zstd' } },
    '413_TOO_LARGE',
  ],
  [
    'a payload hash of something else',
    '/v1/spans',
    { body: '{}', headers: { 'x-payload-hash': 'blake3-256=00' } },
    '400_BAD_REQUEST',
  ],
  [
    'an empty idempotency key',
    '/v1/spans',
    { body: '{}', headers: { 'idempotency-key': '' } },
    '400_BAD_REQUEST',
  ],
  [
    'an endless idempotency key',
    '/v1/spans',
    { body: '{}', headers: { 'idempotency-key': 'k'.repeat(256) } },
    '400_BAD_REQUEST',
  ],
  [
    'a timestamp that is none',
    '/v1/spans',
    { body: '{}', headers: { 'x-timestamp': 'yesterday' } },
    '400_BAD_REQUEST',
  ],
  ['half a signature', '/v1/spans', { body: '{}', headers: { 'x-signature': 'AAAA' } }, '401_UNAUTHORIZED'],
  ['no JSON', '/v1/spans/query', { body: 'x' }, '400_BAD_REQUEST'],
  ['no subject', '/v1/spans/query', query({}), '400_BAD_REQUEST'],
  ['an array', '/v1/spans/query', query([]), '400_BAD_REQUEST'],
  ['null', '/v1/spans/query', { body: 'null' }, '400_BAD_REQUEST'],
  ['an unknown field', '/v1/spans/query', query({ subject: SUBJECT, x: 1 }), '400_BAD_REQUEST'],
  ['no subject form', '/v1/spans/query', query({ subject: 'urn:minicontainer:acme' }), '400_BAD_REQUEST'],
  [
    'a reserved name',
    '/v1/spans/query',
    query({ subject: 'urn:minicontainer:acme/apply' }),
    '400_BAD_REQUEST',
  ],
  [
    'a foreign subject',
    '/v1/spans/query',
    query({ subject: 'urn:minicontainer:other/web' }),
    '404_NOT_FOUND',
  ],
  ['limit 0', '/v1/spans/query', query({ subject: SUBJECT, limit: 0 }), '400_BAD_REQUEST'],
  ['limit 1001', '/v1/spans/query', query({ subject: SUBJECT, limit: 1001 }), '400_BAD_REQUEST'],
  ['a text as limit', '/v1/spans/query', query({ subject: SUBJECT, limit: '5' }), '400_BAD_REQUEST'],
  [
    'an intent that is SQL',
    '/v1/spans/query',
    query({ subject: SUBJECT, intent: "a' or 1=1" }),
    '400_BAD_REQUEST',
  ],
  [
    '30 February',
    '/v1/spans/query',
    query({ subject: SUBJECT, since: '2026-02-30T00:00:00Z' }),
    '400_BAD_REQUEST',
  ],
  ['a cursor that is none', '/v1/spans/query', query({ subject: SUBJECT, cursor: 'abc' }), '400_BAD_REQUEST'],
  [
    'a cursor below all',
    '/v1/spans/query',
    query({ subject: SUBJECT, cursor: cursor('c1.-2') }),
    '400_BAD_REQUEST',
  ],
  [
    'a cursor of another log',
    '/v1/spans/query',
    query({ subject: SUBJECT, cursor: cursor('c1.99999') }),
    '410_CURSOR_EXPIRED',
  ],
  [
    'NDJSON',
    '/v1/spans/query',
    { ...query({ subject: SUBJECT }), contentType: 'application/x-ndjson' },
    '415_MEDIA_TYPE',
  ],
  ['no span id', '/v1/spans/garbage', {}, '400_BAD_REQUEST'],
  ['an unknown span', `/v1/spans/${SPAN_ID}`, {}, '404_NOT_FOUND'],
  ['no span id', `/v1/receipts/urn:span:${'0'.repeat(36)}`, {}, '400_BAD_REQUEST'],
  ['an unknown span', `/v1/receipts/${SPAN_ID}`, {}, '404_NOT_FOUND'],
  ['a path parameter without end', `/v1/receipts/${'a'.repeat(300)}`, {}, '400_BAD_REQUEST'],
  ['no subject', '/v1/state/view', {}, '400_BAD_REQUEST'],
  ['two subjects', `/v1/state/view?subject=${SUBJECT}&subject=${SUBJECT}`, {}, '400_BAD_REQUEST'],
  ['an unknown parameter', `/v1/state/view?subject=${SUBJECT}&x=1`, {}, '400_BAD_REQUEST'],
  ['the prototype', `/v1/state/view?subject=${SUBJECT}&__proto__[limit]=1`, {}, '400_BAD_REQUEST'],
  ['no limit', `/v1/state/view?subject=urn:minicontainer:acme/*&limit=many`, {}, '400_BAD_REQUEST'],
  ['no subject form', '/v1/state/view?subject=web', {}, '400_BAD_REQUEST'],
  ['an unknown subject', '/v1/state/view?subject=urn:minicontainer:acme/nothing', {}, '404_NOT_FOUND'],
  ['a foreign subject', '/v1/state/view?subject=urn:minicontainer:other/web', {}, '404_NOT_FOUND'],
  ["another tenant's list", '/v1/state/view?subject=urn:minicontainer:other/*', {}, '400_BAD_REQUEST'],
  ['no subject form', '/v1/stream?subject=web', {}, '400_BAD_REQUEST'],
  ['a foreign subject', '/v1/stream?subject=urn:minicontainer:other/web', {}, '404_NOT_FOUND'],
  ['a bad intent', '/v1/stream?intent=DROP', {}, '400_BAD_REQUEST'],
  ['a bad time', '/v1/stream?since=yesterday', {}, '400_BAD_REQUEST'],
  ['a bad cursor', '/v1/stream?cursor=xyz', {}, '400_BAD_REQUEST'],
  ['a bad last event id', '/v1/stream', { headers: { 'last-event-id': '\u00ff\u00fe' } }, '400_BAD_REQUEST'],
  [
    'a last event id of another log',
    '/v1/stream',
    { headers: { 'last-event-id': cursor('c1.99999') } },
    '410_CURSOR_EXPIRED',
  ],
  ['a ticket that is none', '/v1/stream?ticket=abc', { token: null, tenant: null }, '401_UNAUTHORIZED'],
  ['two tickets', '/v1/stream?ticket=a&ticket=b', { token: null, tenant: null }, '401_UNAUTHORIZED'],
  ['no signature', '/v1/stream/tickets', { method: 'POST' }, '401_UNAUTHORIZED'],
  ['no signature', `/v1/artifacts/${HASH}`, { method: 'PUT', body: 'nothing' }, '401_UNAUTHORIZED'],
  ['no hash', '/v1/artifacts/garbage', {}, '400_BAD_REQUEST'],
  ['no hash', '/v1/artifacts/garbage', { method: 'PUT', body: 'nothing', signedBy: root }, '400_BAD_REQUEST'],
  [
    'another hash',
    `/v1/artifacts/${HASH}`,
    { method: 'PUT', body: 'something', signedBy: root },
    '400_BAD_REQUEST',
  ],
  ['no bytes', `/v1/artifacts/${HASH}`, { method: 'PUT', body: '', signedBy: root }, '400_BAD_REQUEST'],
  ['an unknown artifact', `/v1/artifacts/${HASH}`, {}, '404_NOT_FOUND'],
  ["another tenant's log", '/v1/log/other/checkpoint', {}, '404_NOT_FOUND'],
  ['no tenant', '/v1/log/%00/checkpoint', {}, '404_NOT_FOUND'],
  ['a tile that is not there yet', '/v1/log/acme/tile/0/000', {}, '404_NOT_FOUND'],
  ['a wide tile', '/v1/log/acme/tile/0/000.p/256', {}, '404_NOT_FOUND'],
  ['no tile', '/v1/log/acme/tile/', {}, '404_NOT_FOUND'],
  ['a path up', '/v1/log/acme/tile/0/../../../../etc/passwd', {}, '404_NOT_FOUND'],
  ['a tile in another spelling', '/v1/log/acme/tile/0/0.p/1', {}, '404_NOT_FOUND'],
  ['a level without end', `/v1/log/acme/tile/${'9'.repeat(90)}/000`, {}, '404_NOT_FOUND'],
  ['an unknown path', '/v1/nothing', {}, '404_NOT_FOUND'],
  ['the root', '/', {}, '404_NOT_FOUND'],
  ['a path that cannot be decoded', '/v1/spans/%E0%A4%A', {}, '400_BAD_REQUEST'],
];

describe('garbage gets its canonical code', () => {
  it.each(CASES)('%s at %s', async (_name, target, options, code) => {
    expectProblem(await world.call(target, options), code);
  });
});

describe('the order of checks', () => {
  const signed = (options: CallOptions = {}): CallOptions => ({ body: '{}', signedBy: root, ...options });
  const stale = new Date(Date.now() - 121_000).toISOString();

  it('size is before the token', async () => {
    const body = randomBytes(17 * 1024 * 1024);
    expectProblem(await world.call('/v1/spans', { body, token: null }), '413_TOO_LARGE');
  });
  it('the token is before the payload hash', async () => {
    const headers = { 'x-payload-hash': 'x' };
    expectProblem(await world.call('/v1/spans', signed({ token: null, headers })), '401_UNAUTHORIZED');
  });
  it('the payload hash is before the signature', async () => {
    const headers = { 'x-payload-hash': 'x', 'x-signature': 'x' };
    expectProblem(await world.call('/v1/spans', signed({ headers })), '400_BAD_REQUEST');
  });
  it('the signature is before the timestamp', async () => {
    const other = testKey('nobody');
    const reply = await world.call(
      '/v1/spans',
      signed({ signedBy: other, headers: { 'x-timestamp': stale } }),
    );
    expectProblem(reply, '401_UNAUTHORIZED');
    expect(reply.json().detail).toMatch(/is no active key of this tenant/);
  });
  it('the timestamp is before the body', async () => {
    const reply = await world.call(
      '/v1/spans',
      signed({ body: 'garbage', headers: { 'x-timestamp': stale } }),
    );
    expectProblem(reply, '401_UNAUTHORIZED');
    expect(reply.json().detail).toMatch(/120 s/);
  });
  it('another authority than its own is refused, and a forwarded one is not looked at', async () => {
    const headers = { host: 'evil.test', 'x-forwarded-host': 'gateway.test' };
    const reply = await world.call('/v1/spans', signed({ headers }));
    expectProblem(reply, '401_UNAUTHORIZED');
    expect(reply.json().detail).toMatch(/public authority/);
  });
  it('a resend of the very same bytes is passed on as it was', async () => {
    const { bytes } = signedSpan({ intent: 'deploy.stop', subject: SUBJECT });
    const headers = {
      'x-nonce': randomUUID(),
      'idempotency-key': 'resend',
      'x-timestamp': new Date().toISOString(),
    };
    const before = half.told.length;
    const [one, two] = [
      await world.call('/v1/spans', signed({ body: bytes, headers })),
      await world.call('/v1/spans', signed({ body: bytes, headers })),
    ];
    expect([one.status, two.status]).toEqual([200, 200]);
    const [first, second] = half.told.slice(before);
    expect(second?.request.caller).toEqual(first?.request.caller);
    expect(first?.request.caller).toMatchObject({
      kind: 'token',
      token: 'tok1',
      key: 'root',
      nonce: headers['x-nonce'],
      idempotency_key: 'resend',
      payload_hash: blake3Hash(bytes),
      request_hash: expect.stringMatching(/^blake3:/),
    });
  });
});

describe('artifacts', () => {
  const bytes = randomBytes(100_000);
  const target = `/v1/artifacts/${blake3Hash(bytes)}`;
  const put = (
    headers: Record<string, string> = {},
    body: Uint8Array = bytes,
  ): CallOptions & { method: string } => ({
    method: 'PUT',
    body,
    signedBy: root,
    headers,
    contentType: 'application/octet-stream',
  });

  it('come back as they were, whatever is in them, and putting them twice changes nothing', async () => {
    const one = await world.call(target, put());
    const two = await world.call(target, put());
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(one.json()).toEqual({ hash: blake3Hash(bytes), size_bytes: bytes.length });
    const back = await world.call(target);
    expect(back.bytes.equals(bytes)).toBe(true);
    const head = await world.call(target, { method: 'HEAD' });
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', '100000']);
  });

  it('take a resend of the same bytes, and no other request under the same nonce', async () => {
    const headers = {
      'x-nonce': randomUUID(),
      'x-timestamp': new Date().toISOString(),
      'idempotency-key': 'a',
    };
    expect((await world.call(target, put(headers))).status).toBe(200);
    expect((await world.call(target, put(headers))).status).toBe(200);
    expectProblem(await world.call(target, put({ ...headers, 'idempotency-key': 'b' })), '409_NONCE_REUSED');
  });

  it('of one tenant are not there for another, in the same words as if they were not there at all', async () => {
    const token = testToken('second');
    await addTenant('second', token.hash);
    const [foreign, unknown] = [
      await world.call(target, { tenant: 'second', token: token.text }),
      await world.call(`/v1/artifacts/${HASH}`, { tenant: 'second', token: token.text }),
    ];
    expectProblem(foreign, '404_NOT_FOUND');
    expect({ ...foreign.json(), trace_id: '' }).toEqual({ ...unknown.json(), trace_id: '' });
  });
});

/** A second tenant, whose token is another one than that of the first. */
async function addTenant(tenant: string, hash: string): Promise<LogMaker> {
  const log = new LogMaker(world.nc, tenant);
  const created = tenantCreatedSpan({ tenant });
  const payload = { kind: 'registry/apikey.v1', token_id: 'tok2', hash, scopes: ['*'] };
  await log.append(
    created,
    signedSpan({ intent: 'registry.apikey.create', subject: `urn:tenant:${tenant}`, payload }),
  );
  await world.untilProjected(log);
  return log;
}

describe('what is hardly HTTP', () => {
  const raw = (bytes: string): Promise<string> => {
    const { hostname, port } = new URL(world.gateway.url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('error', () => undefined);
    return text(socket);
  };
  const parse = (answer: string): { status: number; problem: unknown } => {
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), problem: JSON.parse(body) };
  };

  it.each([
    [
      'a head that does not end',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
      '413_TOO_LARGE',
    ],
    [
      'a flood of headers',
      `GET / HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 5000 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`,
      '413_TOO_LARGE',
    ],
    ['something else', 'HELO gateway.test\r\n\r\n', '400_BAD_REQUEST'],
    [
      'a request smuggled',
      'POST /v1/spans HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET',
      '400_BAD_REQUEST',
    ],
    [
      'a length below nothing',
      'POST /v1/spans HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
      '400_BAD_REQUEST',
    ],
    ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', '400_BAD_REQUEST'],
    [
      'a target that is no path',
      'GET *v1/spans HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      '404_NOT_FOUND',
    ],
  ])('%s is answered with a problem', async (_, bytes, code) => {
    const answer = await raw(bytes);
    const { status, problem } = parse(answer);
    expect(problem).toMatchObject({ code, status });
    expect(problems.faults(problem)).toEqual([]);
  });

  it('a body in chunks is taken, and refused when it does not end', async () => {
    const head = `POST /v1/spans HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n`;
    const auth = `X-Tenant-Id: acme\r\nAuthorization: ApiKey ${testToken().text}\r\n\r\n`;
    expect(await raw(`${head}${auth}2\r\n[]\r\n0\r\n\r\n`)).toContain('400_BAD_REQUEST');
    const chunk = `100000\r\n${'a'.repeat(0x100000)}\r\n`;
    expect(parse(await raw(`${head}${auth}${chunk.repeat(17)}0\r\n\r\n`)).problem).toMatchObject({
      code: '413_TOO_LARGE',
    });
  });
});

it('HEAD answers as GET does, without a body', async () => {
  for (const target of [
    '/v1/log/acme/checkpoint',
    '/v1/state/view?subject=urn:tenant:acme',
    '/v1/stream',
    '/healthz',
  ]) {
    const reply = await world.call(target, { method: 'HEAD' });
    expect([target, reply.status, reply.text]).toEqual([target, 200, '']);
    expect(reply.headers.get('request-id')).toMatch(/^[0-9a-f]{32}$/);
  }
});

it('a trace that comes in goes out, and one that is none is replaced', async () => {
  const trace = randomBytes(16).toString('hex');
  const traced = (traceparent: string) => world.call('/v1/nothing', { headers: { traceparent } });
  expect((await traced(`00-${trace}-${'b'.repeat(16)}-01`)).json().trace_id).toBe(trace);
  expect((await traced('00-garbage')).headers.get('request-id')).toMatch(/^[0-9a-f]{32}$/);
  expect((await traced(`00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`)).json().trace_id).not.toBe(
    '0'.repeat(32),
  );
});

it('goes on after all of that, with its memory given back', async () => {
  expect((await world.call('/readyz')).json()).toMatchObject({ ready: true });
  const metrics = (await world.call('/metrics')).text;
  expect(metrics).toMatch(/^gateway_body_bytes_held 0$/m);
  expect(metrics).toMatch(/^gateway_streams 0$/m);
  expect(world.gateway.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
