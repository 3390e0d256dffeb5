import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { formatBase64url, utf8 } from '@logline/canon-sign';
import { matchesIntent } from '@logline/contracts';
import {
  eventually,
  NOW_MS,
  signedSpan,
  SUBJECT,
  TENANT,
  testToken,
  type SignedSpan,
} from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, startGatewayWorld, type CallOptions, type GatewayWorld } from './gateway-world.ts';
import { indexOf, SseClient } from './sse-client.ts';

const HEARTBEAT_MS = 200;
const STALL_MS = 700;
let world: GatewayWorld;
beforeAll(async () => {
  world = await startGatewayWorld({
    STREAM_HEARTBEAT_MS: String(HEARTBEAT_MS),
    STREAM_STALL_MS: String(STALL_MS),
    MAX_STREAMS: '300',
  });
});
afterAll(async () => {
  await world.close();
});

const OTHER = 'urn:minicontainer:acme/back';
const INTENTS = ['deploy.stop', 'run_state.running', 'run_state.exited'];
let nth = 0;
const nextSpan = (padding = 0): SignedSpan => {
  nth += 1;
  return signedSpan({
    nth,
    intent: INTENTS[nth % INTENTS.length] ?? '',
    subject: nth % 4 === 0 ? OTHER : SUBJECT,
    payload: padding === 0 ? {} : { pad: 'é'.repeat(padding / 2) },
  });
};
const open = (target: string, options: ConstructorParameters<typeof SseClient>[2] = {}) =>
  new SseClient(world.gateway.url, target, options);
const cursorBehind = (index: number): string => formatBase64url(utf8(`c1.${index}`));
const streams = async (): Promise<number> =>
  Number(/^gateway_streams (\d+)$/m.exec((await world.call('/metrics')).text)?.[1]);

describe('a stream', () => {
  it('begins with what comes next, primed with an id to resume by', async () => {
    const client = open('/v1/stream');
    await eventually(() => expect(client.events).toHaveLength(1));
    expect(client.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(client.headers['x-accel-buffering']).toBe('no');
    expect(client.headers['request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(client.text).toMatch(/^retry: \d+\n/);
    expect([client.events[0]?.data, indexOf(client.events[0]?.id)]).toEqual(['', world.log.size - 1]);
    const span = nextSpan();
    await world.log.append(span);
    await eventually(() => expect(client.events.at(-1)?.data).toBe(Buffer.from(span.bytes).toString()));
    expect(indexOf(client.events.at(-1)?.id)).toBe(world.log.size - 1);
    client.destroy();
  });

  it('says something at least as often as its heartbeat, and moves the id past what nobody asked for', async () => {
    const client = open('/v1/stream?intent=wallet.proof.verified');
    await eventually(() => expect(client.comments).toBeGreaterThan(2));
    await world.log.append(nextSpan());
    await eventually(() => expect(indexOf(client.events.at(-1)?.id)).toBe(world.log.size - 1));
    expect(client.events.every(({ data }) => data === '')).toBe(true);
    client.destroy();
  });

  it('begins at a time, behind a cursor, and with the first span', async () => {
    await world.log.append(nextSpan(), nextSpan());
    await world.untilProjected();
    const size = world.log.size;
    const since = new Date(NOW_MS + (size - 2) * 1000).toISOString();
    const from = async (query: string): Promise<number | undefined> => {
      const client = open(`/v1/stream?${query}`);
      await eventually(() =>
        expect(client.events.filter(({ data }) => data !== '').length).toBeGreaterThan(0),
      );
      client.destroy();
      return indexOf(client.events.find(({ data }) => data !== '')?.id);
    };
    expect(await from(`since=${since}`)).toBe(size - 2);
    expect(await from(`cursor=${cursorBehind(0)}`)).toBe(1);
    expect(await from(`cursor=${cursorBehind(-1)}`)).toBe(0);
    expect(await from('since=2020-01-01T00:00:00Z')).toBe(0);
  });

  it('resumes by Last-Event-ID without gap or duplicate, through hundreds of cut lines while the log grows', async () => {
    const filters: { query: string; wants: (span: SignedSpan['span']) => boolean; cuts: number }[] = [
      { query: '', wants: () => true, cuts: 80 },
      { query: `subject=${SUBJECT}`, wants: ({ subject }) => subject === SUBJECT, cuts: 60 },
      { query: 'intent=run_state.*', wants: ({ intent }) => matchesIntent(intent, 'run_state.*'), cuts: 60 },
      {
        query: `subject=${OTHER}&intent=deploy.stop`,
        wants: ({ subject, intent }) => subject === OTHER && intent === 'deploy.stop',
        cuts: 20,
      },
    ];
    const start = world.log.size;
    let isWriting = true;
    const writer = (async () => {
      while (isWriting) {
        await world.log.append(
          ...Array.from({ length: randomInt(1, 12) }, () => nextSpan(randomInt(0, 3) === 0 ? 2000 : 0)),
        );
        await pause(randomInt(0, 15));
      }
    })();
    const readers = await Promise.all(
      filters.map(async ({ query, cuts }) => {
        const seen: number[] = [];
        let last = cursorBehind(start - 1);
        for (let cut = 0; cut < cuts; cut += 1) {
          let left = randomInt(0, 25);
          const client: SseClient = open(`/v1/stream?${query}`, {
            headers: { 'last-event-id': last },
            onEvent: ({ id, data }, self) => {
              last = id ?? last;
              if (data !== '') seen.push(indexOf(id));
              left -= 1;
              if (left < 0) self.destroy();
            },
          });
          // some are cut before the first byte, some in the middle of an event, some after many
          const early = setTimeout(() => client.destroy(), randomInt(0, 4) === 0 ? randomInt(0, 20) : 300);
          await client.closed;
          clearTimeout(early);
        }
        return { query, seen, last };
      }),
    );
    isWriting = false;
    await writer;
    const expected = filters.map(({ wants }) =>
      world.log.spans.flatMap(({ span }, index) => (index >= start && wants(span) ? [index] : [])),
    );
    // what each has not seen yet comes by one more connection, and nothing else does
    for (const [i, { query, seen, last }] of readers.entries()) {
      const rest = open(`/v1/stream?${query}`, { headers: { 'last-event-id': last } });
      await eventually(() =>
        expect(rest.events.filter(({ data }) => data !== '').length + seen.length).toBe(expected[i]?.length),
      );
      await eventually(() => expect(rest.comments).toBeGreaterThan(0));
      const later = rest.events.filter(({ data }) => data !== '').map(({ id }) => indexOf(id));
      expect([...seen, ...later]).toEqual(expected[i]);
      rest.destroy();
    }
    expect(readers.every(({ seen }) => seen.length > 10)).toBe(true);
    expect(expected[0]?.length).toBeGreaterThan(200);
  });

  it('goes on when the database was away', async () => {
    const client = open('/v1/stream');
    await client.opened;
    await world.world.postgres.kill();
    await world.world.postgres.start();
    const span = nextSpan();
    await world.log.append(span);
    let last = client.events.at(-1)?.id;
    const arrived = Buffer.from(span.bytes).toString();
    await eventually(
      async () => {
        if (client.events.some(({ data }) => data === arrived)) return;
        last = client.events.at(-1)?.id ?? last;
        const again = open('/v1/stream', { headers: { 'last-event-id': last ?? '' } });
        await pause(300);
        again.destroy();
        expect(again.events.some(({ data }) => data === arrived)).toBe(true);
      },
      { withinMs: 30_000 },
    );
    client.destroy();
  });

  it('of a client that takes nothing is cut off, and costs little until then', async () => {
    const before = world.log.size - 1;
    for (let i = 0; i < 8; i += 1)
      await world.log.append(...Array.from({ length: 50 }, () => nextSpan(60_000)));
    await world.untilProjected();
    const rss = async (): Promise<number> =>
      Number(/^process_resident_memory_bytes (\d+)$/m.exec((await world.call('/metrics')).text)?.[1]);
    const rssBefore = await rss();
    // 24 MB each, were it all read at once
    const slow = Array.from({ length: 100 }, () =>
      open('/v1/stream', { headers: { 'last-event-id': cursorBehind(before) }, isPaused: true }),
    );
    await Promise.all(slow.map(({ opened }) => opened));
    expect(slow.every(({ status }) => status === 200)).toBe(true);
    let most = 0;
    await eventually(
      async () => {
        most = Math.max(most, await rss());
        expect(await streams()).toBe(0);
      },
      { withinMs: 60_000 },
    );
    expect(most - rssBefore).toBeLessThan(400 * 1024 * 1024);
    // one that does read gets all of it, however much slower than the server
    const patient = open('/v1/stream', { headers: { 'last-event-id': cursorBehind(before) } });
    await eventually(() => expect(patient.events.filter(({ data }) => data !== '')).toHaveLength(400), {
      withinMs: 60_000,
    });
    patient.destroy();
  });

  it('of a token that is revoked ends by itself', async () => {
    const third = testToken('third');
    const subject = `urn:tenant:${TENANT}`;
    const create = { kind: 'registry/apikey.v1', token_id: 'tok3', hash: third.hash, scopes: ['*'] };
    await world.log.append(signedSpan({ intent: 'registry.apikey.create', subject, payload: create }));
    const client = open('/v1/stream', { token: third.text });
    await eventually(() => expect(client.comments).toBeGreaterThan(1));
    const revoke = { kind: 'registry/apikey-revocation.v1', token_id: 'tok3' };
    await world.log.append(signedSpan({ intent: 'registry.apikey.revoke', subject, payload: revoke }));
    await client.closed;
  });

  it('more than there is room for are told to come back', async () => {
    const many = Array.from({ length: 300 }, () => open('/v1/stream'));
    await Promise.all(many.map(({ opened }) => opened));
    expect(new Set(many.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = await world.call('/v1/stream');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    for (const one of many) one.destroy();
    await eventually(async () => expect(await streams()).toBe(0));
  });
});

describe('a ticket', () => {
  const ask = (more: CallOptions = {}) =>
    world.call('/v1/stream/tickets', { method: 'POST', signedBy: root, ...more });
  const bare: CallOptions = { token: null, tenant: null };

  it('opens one stream without any header, and no second one', async () => {
    const { ticket, expires_in_s } = (await ask()).json();
    expect(expires_in_s).toBe(60);
    const first = open(`/v1/stream?ticket=${ticket}`, bare);
    await eventually(() => expect(first.events).toHaveLength(1));
    expect((await world.call(`/v1/stream?ticket=${ticket}`, bare)).status).toBe(401);
    first.destroy();
  });

  it('is the same when the very same request is sent again, and still opens one stream', async () => {
    const headers = {
      'x-nonce': '11111111-1111-4111-8111-111111111111',
      'x-timestamp': new Date().toISOString(),
      'idempotency-key': 'ticket',
    };
    const [one, two] = [await ask({ headers }), await ask({ headers })];
    expect([one.status, two.status, two.json()]).toEqual([200, 200, one.json()]);
    const first = open(`/v1/stream?ticket=${one.json().ticket}`, bare);
    await eventually(() => expect(first.events).toHaveLength(1));
    await ask({ headers });
    expect((await world.call(`/v1/stream?ticket=${one.json().ticket}`, bare)).status).toBe(401);
    first.destroy();
    expect((await ask({ headers: { ...headers, 'idempotency-key': 'other' } })).json().code).toBe(
      '409_NONCE_REUSED',
    );
  });
});

it('SIGTERM ends the streams, lets what runs finish, and exits clean', async () => {
  const clients = Array.from({ length: 20 }, () => open('/v1/stream'));
  const stuck = open('/v1/stream', { headers: { 'last-event-id': cursorBehind(-1) }, isPaused: true });
  await Promise.all([...clients, stuck].map(({ opened }) => opened));
  const started = Date.now();
  const code = await world.gateway.stop();
  await Promise.all(clients.map(({ closed }) => closed));
  expect(code).toBe(0);
  expect(Date.now() - started).toBeLessThan(5000);
});
