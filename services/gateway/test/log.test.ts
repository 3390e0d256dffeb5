import { formatHex, parseBase64, spanIdFromRandom } from '@logline/canon-sign';
import { checkerOf, ConsistencyProof, InclusionProof, LogRotations, Problem } from '@logline/contracts';
import {
  beginSuccession,
  decodeNote,
  followRotations,
  formatProof,
  formatTilePath,
  formatVkey,
  leafHash,
  parseBundle,
  parseProof,
  parseRotations,
  parseVkey,
  proveConsistency,
  rootOfLeaves,
  tileWidth,
  verifyCheckpoint,
  verifyConsistency,
  verifyProof,
  type TileId,
} from '@logline/tlog';
import {
  eventually,
  logRotatedSpan,
  NOW_MS,
  signedSpan,
  SUBJECT,
  tenantCreatedSpan,
  testKey,
  testToken,
  type SignedSpan,
} from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  OPERATOR_TOKEN,
  startGatewayWorld,
  type CallOptions,
  type GatewayWorld,
  type Reply,
} from './gateway-world.ts';
import { LogMaker } from './log-maker.ts';

let world: GatewayWorld;
/** Sizes at which a checkpoint was signed. */
const signedAt = [1];
const ENTRIES = 600;
const numbered = (nth: number): SignedSpan =>
  signedSpan({ nth, intent: 'deploy.stop', subject: SUBJECT, payload: {} });
const publish = (isPublic: boolean, nth: number): SignedSpan =>
  signedSpan({
    nth,
    intent: 'registry.log.publish',
    subject: 'urn:tenant:acme',
    payload: { public: isPublic },
  });

beforeAll(async () => {
  world = await startGatewayWorld();
  for (let nth = 0; world.log.size < ENTRIES; nth += 1) {
    await world.log.append(
      ...Array.from({ length: Math.min(1 + (nth % 7), ENTRIES - world.log.size) }, (_, i) =>
        numbered(nth * 10 + i),
      ),
    );
    signedAt.push(world.log.size);
  }
  await world.untilProjected();
  const beta = new LogMaker(world.nc, 'beta');
  const { hash } = testToken('beta');
  const payload = { kind: 'registry/apikey.v1', token_id: 'beta', hash, scopes: ['*'] };
  await beta.append(
    tenantCreatedSpan({ tenant: 'beta' }),
    signedSpan({ intent: 'registry.apikey.create', subject: 'urn:tenant:beta', payload }),
  );
  await world.untilProjected(beta);
});
afterAll(async () => {
  await world.close();
});

const STRANGER: CallOptions = { token: null, tenant: null };
const get = (path: string, options: CallOptions = {}) => world.call(`/v1/log/acme/${path}`, options);
const identity = () => ({
  origin: world.log.origin,
  vkeys: [parseVkey(formatVkey(world.log.origin, testKey('log').signer.publicKey))],
});
const leaves = () => world.log.spans.map(({ bytes }) => leafHash(bytes));
const rootAt = (size: number) => rootOfLeaves(leaves().slice(0, size));
const problems = checkerOf(Problem);

/** What of an answer a stranger could tell two logs apart by. */
function shown({ status, headers, text }: Reply): unknown {
  const rest = Object.fromEntries(
    [...headers].filter(([name]) => !['date', 'request-id', 'ratelimit'].includes(name)),
  );
  return [status, rest, text.replaceAll(/"trace_id":"[0-9a-f]{32}"/g, '')];
}
const PATHS = [
  'checkpoint',
  'checkpoint?size=1',
  'key',
  'rotations',
  'tile/0/000',
  'tile/entries/000.p/1',
  'tile/garbage',
  'inclusion?index=0',
  'inclusion',
  'consistency?from=0',
];

describe('a private log', () => {
  it.each(PATHS)('and one that does not exist are the same to a stranger: %s', async (path) => {
    for (const options of [
      STRANGER,
      { token: null },
      { token: null, method: 'HEAD' },
      { token: null, headers: { 'if-none-match': '*' } },
    ]) {
      const [own, none, noName] = await Promise.all(
        ['acme', 'nobody', '..%2f..'].map((tenant) => world.call(`/v1/log/${tenant}/${path}`, options)),
      );
      if (own === undefined || none === undefined || noName === undefined) throw new Error('no answer');
      expect(own.status).toBe(404);
      expect(shown(own)).toEqual(shown(none));
      expect(shown(own)).toEqual(shown(noName));
      expect(own.headers.get('access-control-allow-origin')).toBeNull();
      if (options.method !== 'HEAD') expect(problems.faults(own.json())).toEqual([]);
    }
  });

  it.each(PATHS)('is not told to a good token of another tenant: %s', async (path) => {
    const { text: token } = testToken('beta');
    expect((await world.call('/v1/log/beta/checkpoint', { token, tenant: 'beta' })).status).toBe(200);
    const [own, none] = await Promise.all(
      ['acme', 'nobody'].map((tenant) => world.call(`/v1/log/${tenant}/${path}`, { token, tenant: 'beta' })),
    );
    if (own === undefined || none === undefined) throw new Error('no answer');
    expect(own.status).toBe(404);
    expect(shown(own)).toEqual(shown(none));
  });

  it.each<readonly [string, CallOptions, number]>([
    ['no tenant', { tenant: null }, 401],
    ['a token of the wrong form', { token: 'x' }, 401],
    ['another scheme', { headers: { authorization: 'Bearer abcdefghijklmnopqrstuvwxyz' } }, 401],
    ['an unknown token', { token: testToken('unknown').text }, 401],
    ['the operator', { token: OPERATOR_TOKEN }, 403],
  ])('answers %s as every route does', async (_, options, status) => {
    for (const path of ['checkpoint', 'key', 'tile/0/000', 'inclusion?index=0', 'consistency?from=0']) {
      const reply = await get(path, options);
      expect([path, reply.status]).toEqual([path, status]);
    }
  });

  it('lets its own token read, and says that no shared cache may keep it', async () => {
    for (const [path, cached] of [
      ['checkpoint', 'private, no-cache'],
      ['key', 'private, no-cache'],
      ['tile/0/000', 'private, max-age=31536000, immutable'],
      ['tile/entries/001', 'private, max-age=31536000, immutable'],
      ['inclusion?index=0', 'private, no-cache'],
    ] as const) {
      const reply = await get(path);
      expect([path, reply.status, reply.headers.get('cache-control')]).toEqual([path, 200, cached]);
      expect(reply.headers.get('vary')).toContain('Authorization');
      expect(reply.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('the log', () => {
  it('gives its newest checkpoint, each signed one by its size, and its key', async () => {
    const note = (await get('checkpoint')).text;
    expect(note).toBe(world.log.checkpoint);
    expect(verifyCheckpoint(note, identity()).size).toBe(BigInt(ENTRIES));
    for (const size of signedAt.slice(0, 20)) {
      const { root } = verifyCheckpoint((await get(`checkpoint?size=${size}`)).text, identity());
      expect(formatHex(root)).toBe(formatHex(rootAt(size)));
    }
    const between = await get('checkpoint?size=3');
    expect([between.status, between.json().detail]).toEqual([
      404,
      expect.stringContaining('no checkpoint was signed at size 3'),
    ]);
    const key = (await get('key')).text;
    const created = world.log.spans[0]?.span.payload;
    expect(key).toBe(`${String(created?.['log_key'])}\n`);
  });

  it('serves every tile and bundle of every width a checkpoint can have, and no other', async () => {
    const size = BigInt(ENTRIES);
    for (const level of [0, 'entries', 1, 2] as const) {
      for (let index = 0n; index < 4n; index += 1n) {
        const most = tileWidth(level, index, size);
        const widths = [1, 2, most - 1, most, most + 1, 255, 256].filter(
          (width) => width >= 1 && width <= 256,
        );
        for (const width of new Set(widths)) {
          const tile: TileId = { level, index, width };
          const path = formatTilePath(tile);
          const reply = await get(path, { method: 'HEAD' });
          expect([path, reply.status]).toEqual([path, width <= most ? 200 : 404]);
          expect(reply.text).toBe('');
        }
      }
    }
  }, 180_000);

  it('has tiles whose bundles hash to them, under the root that is signed', async () => {
    const all: Uint8Array[] = [];
    for (const [path, width] of [
      ['000', 256],
      ['001', 256],
      [`002.p/${ENTRIES - 512}`, ENTRIES - 512],
    ] as const) {
      const [hashes, bundle] = await Promise.all([get(`tile/0/${path}`), get(`tile/entries/${path}`)]);
      const entries = parseBundle(bundle.bytes, width);
      expect(Buffer.concat(entries.map((entry) => leafHash(entry))).equals(hashes.bytes)).toBe(true);
      all.push(...entries.map((entry) => leafHash(entry)));
    }
    expect(formatHex(rootOfLeaves(all))).toBe(
      formatHex(verifyCheckpoint((await get('checkpoint')).text, identity()).root),
    );
  });

  it('never reaches beyond the newest checkpoint, also where the views hold more', async () => {
    const views = world.world.pool('views');
    const { rows } = await views.query<{ note: string }>(
      "delete from checkpoint where tenant = 'acme' and size = $1 returning note",
      [ENTRIES],
    );
    try {
      const newest = signedAt.at(-2) ?? 0;
      expect(verifyCheckpoint((await get('checkpoint')).text, identity()).size).toBe(BigInt(newest));
      expect((await get(`tile/0/002.p/${newest - 512}`)).status).toBe(200);
      expect((await get(`tile/0/002.p/${newest - 511}`)).status).toBe(404);
      expect((await get(`tile/entries/002.p/${newest - 511}`)).status).toBe(404);
      expect((await get(`inclusion?index=${newest}`)).status).toBe(404);
      expect((await get(`consistency?from=1&to=${newest + 1}`)).status).toBe(404);
    } finally {
      await views.query("insert into checkpoint (tenant, size, note) values ('acme', $1, $2)", [
        ENTRIES,
        rows[0]?.note,
      ]);
    }
  });

  it.each([
    'checkpoint',
    'key',
    'tile/0/000',
    'tile/0/002.p/3',
    'tile/1/000.p/2',
    'tile/entries/000',
    'tile/entries/002.p/7',
    'inclusion?index=7',
    'consistency?from=9',
  ])('answers 304 to whoever has %s already', async (path) => {
    const first = await get(path);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const reply = await get(path, { headers: { 'if-none-match': header } });
      expect([header, reply.status, reply.text]).toEqual([header, 304, '']);
      expect(reply.headers.get('etag')).toBe(etag);
      expect(reply.headers.get('cache-control')).toBe(first.headers.get('cache-control'));
    }
    const head = await get(path, { method: 'HEAD' });
    expect([
      head.status,
      head.text,
      head.headers.get('etag'),
      head.headers.get('content-length'),
      head.headers.get('content-type'),
    ]).toEqual([200, '', etag, String(first.bytes.length), first.headers.get('content-type')]);
    for (const other of ['"other"', 'garbage', '', etag.slice(0, -2)])
      expect((await get(path, { headers: { 'if-none-match': other } })).status).toBe(200);
  });
});

describe('an inclusion proof', () => {
  const schema = checkerOf(InclusionProof);
  const json = { headers: { accept: 'application/json' } };

  it('is a complete tlog-proof, found by span id, by leaf hash and by index', async () => {
    for (const index of [0, 1, 255, 256, 511, 512, ENTRIES - 1]) {
      const entry = world.log.spans[index];
      if (entry === undefined) throw new Error('no entry');
      const leaf = leafHash(entry.bytes);
      for (const query of [`this=${entry.span.this}`, `leaf=${formatHex(leaf)}`, `index=${index}`]) {
        const reply = await get(`inclusion?${query}`);
        expect(reply.headers.get('content-type')).toBe('text/plain; charset=utf-8');
        expect(verifyProof(reply.text, leaf, identity())).toMatchObject({
          index: BigInt(index),
          size: BigInt(ENTRIES),
        });
        const same = (await get(`inclusion?${query}`, json)).json();
        expect(schema.faults(same)).toEqual([]);
        expect(same).toMatchObject({ index, size: ENTRIES, leaf: formatHex(leaf), origin: world.log.origin });
        const hashes = same.hashes.map((hash: string) => parseBase64(hash));
        expect(formatProof({ index: BigInt(index), hashes, checkpoint: same.checkpoint })).toBe(reply.text);
      }
    }
  });

  it('to the size of a receipt is the proof in that receipt', async () => {
    for (const index of [0, 3, 300]) {
      const receipt = world.log.receipts[index];
      if (receipt === undefined) throw new Error('no receipt');
      const { size } = verifyCheckpoint(parseProof(receipt.merkle).checkpoint, identity());
      expect((await get(`inclusion?this=${receipt.this}&size=${size}`)).text).toBe(receipt.merkle);
    }
  });

  it('of an entry committed this very moment is waited for', async () => {
    const span = numbered(99_001);
    const asked = get(`inclusion?this=${span.span.this}`);
    await world.log.append(span);
    signedAt.push(world.log.size);
    expect(verifyProof((await asked).text, leafHash(span.bytes), identity()).index).toBe(BigInt(ENTRIES));
  });

  const unknown = spanIdFromRandom(NOW_MS, new Uint8Array(10).fill(255));
  it.each([
    ['', 400],
    ['this=', 400],
    ['this=urn:span:1', 400],
    ["this=' or 1=1 --", 400],
    [`this=${unknown}`, 404],
    [`this=${unknown}&index=1`, 400],
    ['leaf=00', 400],
    [`leaf=${'A'.repeat(64)}`, 400],
    [`leaf=${'a'.repeat(64)}`, 404],
    ['index=-1', 400],
    ['index=1.5', 400],
    ['index=0x10', 400],
    ['index=1e2', 400],
    ['index=01', 400],
    ['index=', 400],
    ['index=1&index=2', 400],
    ['index[a]=1', 400],
    ['index=9007199254740991', 404],
    ['index=9007199254740992', 400],
    ['index=99999999999999999999', 400],
    ['index=0&size=', 400],
    ['index=0&size=x', 400],
    ['index=0&size=0', 404],
    ['index=0&size=3', 404],
    ['index=5&size=1', 404],
    ['index=0&size=9007199254740991', 404],
    ['index=0&more=1', 400],
    ['index=%E0%A4%A', 400],
  ])('for %j is refused with %i and a reason', async (query, status) => {
    const reply = await get(`inclusion?${query.replaceAll(' ', '%20')}`);
    expect([reply.status, problems.faults(reply.json())]).toEqual([status, []]);
    expect(reply.json().detail.length).toBeGreaterThan(10);
  });
});

describe('a consistency proof', () => {
  const schema = checkerOf(ConsistencyProof);
  const ask = async (query: string) => {
    const reply = await get(`consistency?${query}`, { headers: { accept: 'application/json' } });
    expect([reply.status, schema.faults(reply.json())]).toEqual([200, []]);
    return reply.json() as ConsistencyProof; // checked just now
  };

  it('leads from any size to any other', async () => {
    const sizes = [0, 1, 2, 3, 64, 255, 256, 257, 511, 512, 513, ENTRIES - 1, ENTRIES];
    for (const from of sizes) {
      for (const to of sizes.filter((size) => size >= from)) {
        const { hashes, checkpoint } = await ask(`from=${from}&to=${to}`);
        const proof = hashes.map((hash) => parseBase64(hash));
        verifyConsistency({ oldSize: BigInt(from), newSize: BigInt(to), proof }, rootAt(from), rootAt(to));
        const isSigned = signedAt.includes(to);
        expect([to, checkpoint !== undefined]).toEqual([to, isSigned]);
        if (checkpoint !== undefined) expect(verifyCheckpoint(checkpoint, identity()).size).toBe(BigInt(to));
      }
    }
  }, 120_000);

  it('leads to the newest checkpoint when no size is named; as text it is what a witness takes', async () => {
    const size = world.log.size;
    const { hashes, checkpoint } = await ask('from=300');
    expect(checkpoint).toBe(world.log.checkpoint);
    const text = (await get('consistency?from=300')).text;
    expect(text).toBe(`old 300\n${hashes.map((hash) => `${hash}\n`).join('')}\n${world.log.checkpoint}`);
    const own = proveConsistency(300n, BigInt(size), (level, at) =>
      rootOfLeaves(leaves().slice(Number(at) << level, (Number(at) + 1) << level)),
    );
    expect(hashes.map((hash) => formatHex(parseBase64(hash)))).toEqual(own.map((hash) => formatHex(hash)));
  });

  it.each([
    ['', 400],
    ['from=', 400],
    ['from=-1', 400],
    ['from=2&to=1', 400],
    ['from=a&to=b', 400],
    ['from=0&to=9007199254740992', 400],
    ['from=0&to=100000', 404],
    ['from=100000', 404],
    ['from=0&from=1', 400],
    ['from=0&to=1&x=1', 400],
    ['from=00', 400],
    ['from=%00', 400],
  ])('for %j is refused with %i and a reason', async (query, status) => {
    const reply = await get(`consistency?${query}`);
    expect([reply.status, problems.faults(reply.json())]).toEqual([status, []]);
    expect(reply.json().detail.length).toBeGreaterThan(10);
  });
});

describe('a published log', () => {
  const open = async (isPublic: boolean, nth: number) => {
    await world.log.append(publish(isPublic, nth));
    await world.untilProjected();
  };
  beforeAll(() => open(true, 1));
  afterAll(() => open(false, 2));

  it('is read by anybody, with caches and pages from elsewhere', async () => {
    for (const [path, cached] of [
      ['checkpoint', 'public, max-age=2'],
      ['key', 'public, max-age=2'],
      ['tile/0/000', 'public, max-age=31536000, immutable'],
      ['tile/0/002.p/1', 'public, max-age=31536000, immutable'],
      ['tile/entries/000', 'public, max-age=31536000, immutable'],
      ['inclusion?index=0', 'public, max-age=2'],
      ['consistency?from=0', 'public, max-age=2'],
    ] as const) {
      for (const options of [
        STRANGER,
        { tenant: 'nobody' },
        { token: 'x' },
        { token: testToken('unknown').text },
        { token: OPERATOR_TOKEN },
        {},
      ]) {
        const reply = await get(path, options);
        expect([path, reply.status, reply.headers.get('cache-control')]).toEqual([path, 200, cached]);
        expect(reply.headers.get('access-control-allow-origin')).toBe('*');
      }
    }
    const missing = await get('tile/0/009', STRANGER);
    expect([missing.status, missing.headers.get('access-control-allow-origin')]).toEqual([404, '*']);
    expect(missing.headers.get('cache-control')).toBe('no-store');
  });

  it('shows nothing but the log', async () => {
    const { span } = world.log.spans[1] ?? numbered(0);
    for (const path of [
      `/v1/spans/${span.this}`,
      `/v1/receipts/${span.this}`,
      `/v1/state/view?subject=${SUBJECT}`,
      '/v1/stream',
    ])
      expect((await world.call(path, STRANGER)).status).toBe(401);
    expect((await world.call('/v1/log/nobody/checkpoint', STRANGER)).status).toBe(404);
  });

  it('tells any page beforehand what it may ask, and nothing about which logs there are', async () => {
    for (const tenant of ['acme', 'nobody']) {
      const reply = await world.call(`/v1/log/${tenant}/checkpoint`, {
        ...STRANGER,
        method: 'OPTIONS',
        headers: { origin: 'https://a.example' },
      });
      expect(reply.status).toBe(204);
      expect(reply.headers.get('access-control-allow-origin')).toBe('*');
      expect(reply.headers.get('access-control-allow-headers')).toBe('If-None-Match, Accept');
    }
    const elsewhere = await world.call('/v1/spans', { ...STRANGER, method: 'OPTIONS' });
    expect(elsewhere.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('answers 405 to other methods', async () => {
    for (const path of ['checkpoint', 'key', 'tile/0/000', 'inclusion', 'consistency']) {
      for (const method of ['POST', 'PUT', 'DELETE']) {
        const reply = await get(path, { ...STRANGER, method });
        expect([reply.status, reply.headers.get('allow')]).toEqual([405, expect.stringContaining('GET')]);
      }
    }
  });

  it('is closed again by the next word of its tenant', async () => {
    await open(false, 3);
    await eventually(async () => expect((await get('checkpoint', STRANGER)).status).toBe(404));
    expect((await get('checkpoint')).headers.get('cache-control')).toBe('private, no-cache');
    await open(true, 4);
    expect((await get('checkpoint', STRANGER)).text).toBe(decodeNote(Buffer.from(world.log.checkpoint)));
  });

  it('is read by one address only so fast, whichever token it makes up; its own readers are not held up by that', async () => {
    await world.restart({ LOGLINE_GATEWAY_STRANGER_REQUESTS_PER_SECOND: '5' });
    const tried = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        get('checkpoint', i % 2 === 0 ? STRANGER : { token: testToken(`made-up-${i}`).text }),
      ),
    );
    const refused = tried.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(10);
    expect(refused[0]?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(refused[0]?.json().detail).toContain('address');
    const guesses = await Promise.all(
      Array.from({ length: 40 }, () => world.call('/v1/log/nobody/checkpoint', STRANGER)),
    );
    expect(guesses.some(({ status }) => status === 429)).toBe(true);
    expect(
      (await Promise.all(Array.from({ length: 20 }, () => get('checkpoint')))).map(({ status }) => status),
    ).toEqual(Array.from({ length: 20 }, () => 200));
    await world.restart();
  });
});

it('goes on after all of that without a complaint', () => {
  expect(world.gateway.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});

describe('the rotations of a log', () => {
  const schema = checkerOf(LogRotations);
  const of = async (tenant: string) => {
    const { text: token } = testToken(tenant);
    const reply = await world.call(`/v1/log/${tenant}/rotations`, { token, tenant });
    expect([reply.status, reply.headers.get('content-type')]).toEqual([
      200,
      'application/json; charset=utf-8',
    ]);
    expect(schema.faults(reply.json())).toEqual([]);
    return reply;
  };

  it('are none where its first key still signs', async () => {
    expect((await of('beta')).json()).toEqual({ rotations: [] });
  });

  it('lead from the key it was born with to the newest, and are the bytes and receipts that were given', async () => {
    const gamma = new LogMaker(world.nc, 'gamma');
    const { hash } = testToken('gamma');
    const rotation = logRotatedSpan({ tenant: 'gamma', next: testKey('log-2'), fromMs: NOW_MS + 60_000 });
    await gamma.append(
      tenantCreatedSpan({ tenant: 'gamma' }),
      signedSpan({
        intent: 'registry.apikey.create',
        subject: 'urn:tenant:gamma',
        payload: { kind: 'registry/apikey.v1', token_id: 'gamma', hash, scopes: ['*'] },
      }),
    );
    const [receipt] = await gamma.append(rotation);
    await world.untilProjected(gamma);
    const reply = await of('gamma');
    expect(reply.json()).toEqual({ rotations: [{ span: rotation.span, receipt }] });
    const pinned = parseVkey(formatVkey(gamma.origin, testKey('log').signer.publicKey));
    const { keys, rotations } = followRotations(beginSuccession(pinned), parseRotations(reply.json()));
    expect(keys.map(({ vkey }) => formatVkey(vkey.name, vkey.publicKey))).toEqual([
      formatVkey(gamma.origin, testKey('log').signer.publicKey),
      formatVkey(gamma.origin, testKey('log-2').signer.publicKey),
    ]);
    expect(rotations.map(({ spanBytes }) => Buffer.from(spanBytes))).toEqual([Buffer.from(rotation.bytes)]);
    const again = await world.call('/v1/log/gamma/rotations', {
      token: testToken('gamma').text,
      tenant: 'gamma',
      headers: { 'if-none-match': reply.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  });
});
