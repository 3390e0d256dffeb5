import { setTimeout as pause } from 'node:timers/promises';
import { canonicalBytes, formatHex, spanIdFromRandom } from '@logline/canon-sign';
import { checkerOf, parseSubject, QueryResponse, StateView } from '@logline/contracts';
import {
  formatTilePath,
  formatVkey,
  leafHash,
  parseBundle,
  parseVkey,
  partialTiles,
  rootOf,
  tiledEdgeOf,
  verifyCheckpoint,
  verifyReceipt,
  type TileId,
} from '@logline/tlog';
import {
  buildTlogCheck,
  eventually,
  NOW_MS,
  signedSpan,
  SUBJECT,
  TENANT,
  tenantCreatedSpan,
  testKey,
  testToken,
  type SignedSpan,
} from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGatewayWorld, type GatewayWorld } from './gateway-world.ts';
import { LogMaker } from './log-maker.ts';
import { indexOf, SseClient } from './sse-client.ts';

let world: GatewayWorld;
beforeAll(async () => {
  world = await startGatewayWorld();
});
afterAll(async () => {
  await world.close();
});

const numbered = (nth: number, intent = 'deploy.stop', subject = SUBJECT, pad = 0): SignedSpan =>
  signedSpan({ nth, intent, subject, payload: pad === 0 ? {} : { pad: 'x'.repeat(pad) } });
const vkeyOf = (log: LogMaker) => parseVkey(formatVkey(log.origin, testKey('log').signer.publicKey));

describe('a receipt', () => {
  it('is the one the ledger gave, byte for byte, at whatever size its commit left the log', async () => {
    // commits of 1 to 7 spans, past a full tile, so that old and new tiles, full and partial, are in the proofs
    for (let nth = 0; world.log.size < 300; nth += 1) {
      const spans = Array.from({ length: 1 + (nth % 7) }, (_, i) => numbered(1000 + nth * 10 + i));
      await world.log.append(...spans);
    }
    await world.untilProjected();
    const vkeys = [vkeyOf(world.log)];
    for (const [i, receipt] of world.log.receipts.entries()) {
      const reply = await world.call(`/v1/receipts/${receipt.this}`);
      expect([i, reply.status, reply.text]).toEqual([i, 200, JSON.stringify(receipt)]);
      const spanBytes = world.log.spans[i]?.bytes ?? new Uint8Array();
      expect(verifyReceipt({ receipt: reply.json(), spanBytes, vkeys }).index).toBe(BigInt(i));
    }
  });

  it('asked for the moment it was given is waited for', async () => {
    const span = numbered(1);
    const asked = world.call(`/v1/receipts/${span.span.this}`);
    await pause(50);
    const [receipt] = await world.log.append(span);
    expect((await asked).json()).toEqual(receipt);
  });
});

describe('a log of more than 65,536 entries', () => {
  const COUNT = 65_536 + 256 + 77;
  const sampled = [0, 1, 2, 255, 256, 65_279, 65_280, 65_535, 65_536, 65_791, 65_792, COUNT - 1];
  const token = testToken('large');
  let log: LogMaker;
  const ask = (target: string) => world.call(target, { tenant: 'large', token: token.text });

  beforeAll(async () => {
    log = new LogMaker(world.nc, 'large', (index) => sampled.includes(index));
    const apikey = { kind: 'registry/apikey.v1', token_id: 'large', hash: token.hash, scopes: ['*'] };
    await log.append(
      tenantCreatedSpan({ tenant: 'large' }),
      signedSpan({ intent: 'registry.apikey.create', subject: 'urn:tenant:large', payload: apikey }),
    );
    const { span } = numbered(1, 'deploy.stop', 'urn:minicontainer:large/web');
    while (log.size < COUNT) {
      const many = Array.from({ length: Math.min(1000, COUNT - log.size) }, (_, i) => {
        // only their ids differ: views check hashes, and signatures were the gate's to check
        const random = new Uint8Array(10);
        new DataView(random.buffer).setUint32(4, log.size + i);
        const copy = { ...span, this: spanIdFromRandom(NOW_MS, random) };
        return { span: copy, bytes: canonicalBytes(copy) };
      });
      await log.append(...many);
    }
    await world.untilProjected(log);
  }, 300_000);

  it('gives receipts that verify, from its first entry to its last', async () => {
    for (const index of sampled) {
      const receipt = log.receipts[index];
      const reply = await ask(`/v1/receipts/${receipt?.this}`);
      expect([index, reply.text]).toEqual([index, JSON.stringify(receipt)]);
      const spanBytes = log.spans[index]?.bytes ?? new Uint8Array();
      expect(verifyReceipt({ receipt: reply.json(), spanBytes, vkeys: [vkeyOf(log)] }).index).toBe(
        BigInt(index),
      );
    }
  });

  it('serves tiles whose root is that of its signed checkpoint', async () => {
    const note = (await ask('/v1/log/large/checkpoint')).text;
    expect(note).toBe(log.checkpoint);
    const { size, root } = verifyCheckpoint(note, { origin: log.origin, vkeys: [vkeyOf(log)] });
    expect(size).toBe(BigInt(COUNT));
    const tiles = new Map<string, Uint8Array>();
    for (const tile of partialTiles(size)) {
      const reply = await ask(`/v1/log/large/${formatTilePath(tile)}`);
      expect([reply.status, reply.headers.get('content-type'), reply.headers.get('cache-control')]).toEqual([
        200,
        'application/octet-stream',
        expect.stringContaining('immutable'),
      ]);
      tiles.set(formatTilePath(tile), reply.bytes);
    }
    const edge = tiledEdgeOf(size, (tile: TileId) => tiles.get(formatTilePath(tile)) ?? new Uint8Array());
    expect(formatHex(rootOf(edge))).toBe(formatHex(root));
  });

  it.each(['tile/0/000', 'tile/0/255', 'tile/0/000.p/1', 'tile/0/256', 'tile/0/257.p/77', 'tile/0/257.p/3'])(
    'serves %s beside the bundle of its entries',
    async (path) => {
      const { bytes: hashes } = await ask(`/v1/log/large/${path}`);
      const bundle = await ask(`/v1/log/large/${path.replace('tile/0/', 'tile/entries/')}`);
      const entries = parseBundle(bundle.bytes, hashes.length / 32);
      expect(Buffer.concat(entries.map((entry) => leafHash(entry))).equals(hashes)).toBe(true);
    },
  );

  it('is found good, every tile and every entry of it, by the verifiers that other people wrote in Go', async ({
    skip,
  }) => {
    const check = await buildTlogCheck();
    if (typeof check === 'string') return skip(check);
    const key = formatVkey(log.origin, testKey('log').signer.publicKey);
    const headers = ['-header', `Authorization: ApiKey ${token.text}`, '-header', 'X-Tenant-Id: large'];
    const verdict = await check.run('log', '-vkey', key, ...headers, `${world.gateway.url}/v1/log/large`);
    await check.remove();
    expect(verdict).toMatchObject({ found: { size: COUNT, entries: COUNT, tiles: 258 + 2 + 1 } });
  });

  it('serves no tile wider than it is', async () => {
    const paths = ['0/257', '0/257.p/78', '0/258.p/1', '1/001.p/2', '2/000.p/2', '3/000.p/1'];
    const replies = await Promise.all(paths.map((path) => ask(`/v1/log/large/tile/${path}`)));
    expect(replies.map(({ status }) => status)).toEqual(paths.map(() => 404));
    expect((await ask('/v1/log/large/tile/1/000')).status).toBe(200);
    expect((await ask('/v1/log/large/tile/2/000.p/1')).status).toBe(200);
  });

  it('is found in by time without being read', async () => {
    const at = COUNT - 100;
    const since = log.receipts[at]?.ts;
    const body = JSON.stringify({ subject: 'urn:minicontainer:large/web', since, limit: 1 });
    const reply = await world.call('/v1/spans/query', { tenant: 'large', token: token.text, body });
    expect(reply.json().items[0].this).toBe(log.receipts.find(({ ts }) => ts === since)?.this);
  });
});

describe('a query', () => {
  const responses = checkerOf(QueryResponse);
  const ask = async (more: object) => {
    const reply = await world.call('/v1/spans/query', {
      body: JSON.stringify({ subject: SUBJECT, ...more }),
    });
    expect([reply.status, responses.faults(reply.json())]).toEqual([200, []]);
    return { ...reply.json(), text: reply.text };
  };

  it('gives spans oldest first, as they were signed, page by page', async () => {
    await world.log.append(
      numbered(1, 'run_state.pending'),
      numbered(2, 'run_state.running'),
      numbered(3, 'run_state.running', 'urn:minicontainer:acme/back'),
      numbered(4, 'run_state.exited'),
      numbered(5, 'run_state.failed'),
    );
    await world.untilProjected();
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let hasMore = true; hasMore;) {
      const page = await ask({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(7);
      seen.push(...page.items.map((span: { this: string }) => span.this));
      ({ cursor, has_more: hasMore } = page);
    }
    const own = world.log.spans.filter(({ span }) => span.subject === SUBJECT);
    expect(seen).toEqual(own.map(({ span }) => span.this));
    const { text } = await ask({ intent: 'run_state.*' });
    const states = own.filter(({ span }) => span.intent.startsWith('run_state.'));
    expect(text).toContain(`[${states.map(({ bytes }) => Buffer.from(bytes).toString()).join(',')}]`);
    expect((await ask({ intent: 'run_state.exited' })).items).toHaveLength(1);
    expect((await ask({ intent: 'run_stat_.*' })).items).toEqual([]);
    expect((await ask({ intent: '*', limit: 1000 })).items).toHaveLength(own.length);
  });

  it('from a time on, from a cursor on, and whichever is later', async () => {
    const at = world.log.spans.findIndex(({ span }) => span.intent === 'run_state.pending');
    const since = world.log.receipts[at]?.ts;
    expect((await ask({ since })).items[0].intent).toBe('run_state.pending');
    expect((await ask({ since: '2000-01-01T00:00:00Z', limit: 1 })).items[0].this).toBe(
      world.log.spans.find(({ span }) => span.subject === SUBJECT)?.span.this,
    );
    const end = await ask({ since: '2100-01-01T00:00:00Z' });
    expect([end.items, indexOf(end.cursor), end.has_more]).toEqual([[], world.log.size - 1, false]);
  });

  it('hands over to a stream by its cursor', async () => {
    const { cursor } = await ask({ limit: 1000 });
    const stream = new SseClient(world.gateway.url, `/v1/stream?subject=${SUBJECT}&cursor=${cursor}`);
    const span = numbered(77);
    await world.log.append(span);
    await eventually(() =>
      expect(stream.events.map(({ data }) => data)).toEqual(['', Buffer.from(span.bytes).toString()]),
    );
    stream.destroy();
  });

  it('of large spans ends a page by its bytes', async () => {
    const subject = 'urn:minicontainer:acme/large';
    for (let i = 0; i < 4; i += 1)
      await world.log.append(
        ...Array.from({ length: 50 }, (_, j) => numbered(i * 50 + j, 'deploy.stop', subject, 60_000)),
      );
    await world.untilProjected();
    const first = await ask({ subject, limit: 1000 });
    expect(first.items.length).toBeGreaterThan(100);
    expect([first.items.length < 200, first.has_more]).toEqual([true, true]);
    const rest = await ask({ subject, limit: 1000, cursor: first.cursor });
    expect([first.items.length + rest.items.length, rest.has_more]).toEqual([200, false]);
  });
});

describe('the state', () => {
  const views = checkerOf(StateView);
  const ask = (query: string) => world.call(`/v1/state/view?${query}`);

  it('of the tenant shows who may speak for it, and no hash of a token', async () => {
    const reply = await ask(`subject=urn:tenant:${TENANT}`);
    expect(views.faults(reply.json())).toEqual([]);
    expect(reply.json()).toMatchObject({
      subject: `urn:tenant:${TENANT}`,
      index: world.log.size - 1,
      state: { log_key: expect.any(String), api_keys: [{ token_id: 'tok1', status: 'active' }] },
    });
    expect(reply.text).not.toContain(testToken().hash);
    expect(reply.text).not.toContain('"hash"');
  });

  it('of a container names its head', async () => {
    const span = numbered(99);
    await world.log.append(span);
    await world.untilProjected();
    const reply = await ask(`subject=${SUBJECT}`);
    expect(views.faults(reply.json())).toEqual([]);
    expect(reply.json()).toMatchObject({ head: span.span.this, index: world.log.size - 1 });
  });

  it('of all containers comes page by page', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `urn:minicontainer:acme/many-${i}`);
    await world.log.append(...names.map((subject, i) => numbered(i, 'deploy.stop', subject)));
    await world.untilProjected();
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 20; pages += 1) {
      const page = (await ask(`subject=urn:minicontainer:acme/*&limit=5${cursor}`)).json();
      seen.push(...page.items.map(({ subject }: { subject: string }) => subject));
      if (page.cursor === undefined) break;
      cursor = `&cursor=${encodeURIComponent(page.cursor)}`;
    }
    const own = new Set(
      world.log.spans
        .map(({ span }) => span.subject)
        .filter((subject) => parseSubject(subject).kind === 'minicontainer'),
    );
    expect(seen).toEqual([...own].toSorted());
  });
});

it('a span comes back as the bytes that were signed', async () => {
  const span = numbered(123, 'deploy.stop', SUBJECT, 10);
  const odd = signedSpan({
    intent: 'deploy.stop',
    subject: SUBJECT,
    payload: { text: 'ação ✓ \u2028 \u{1f600}', n: -0.5e-7 },
  });
  await world.log.append(span, odd);
  for (const one of [span, odd]) {
    const reply = await world.call(`/v1/spans/${one.span.this}`);
    expect(reply.bytes.equals(one.bytes)).toBe(true);
  }
});
