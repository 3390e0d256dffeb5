import { parseSubmitEnvelope, SUBMIT_CLIENT, STREAMS, type SubmitRequest } from '@logline/contracts';
import {
  callApi,
  Coalescer,
  JETSTREAM_FAULTS,
  JetStreamError,
  lastFactOf,
  publishBatch,
  publishFacts,
  Publisher,
  toFactMessage,
  type FactMessage,
} from '@logline/jetstream';
import { eventually, startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let world: World;
let nc: NatsConnection;
beforeAll(async () => {
  world = await startWorld({ name: 'publish', postgres: false });
  nc = await world.connect('test');
});
afterAll(() => world.close());

describe('Publisher', () => {
  const bytes = new Uint8Array([1, 2, 3]);

  it('says where a message was stored, and recognises it by its id', async () => {
    const publisher = new Publisher(nc);
    const first = await publisher.publish('submit.service.x', bytes, { msgId: 'a' });
    expect(first).toEqual({ stream: STREAMS.report, sequence: expect.any(Number), isDuplicate: false });
    expect(await publisher.publish('submit.service.x', bytes, { msgId: 'a' })).toEqual({
      ...first,
      isDuplicate: true,
    });
  });
  it('says QUEUE_FULL when a bounded queue refuses', async () => {
    await callApi(nc, 'STREAM.CREATE.TINY', {
      name: 'TINY',
      subjects: ['tiny'],
      storage: 'memory',
      retention: 'workqueue',
      discard: 'new',
      max_msgs: 1,
    });
    const publisher = new Publisher(nc);
    await publisher.publish('tiny', bytes);
    await expect(publisher.publish('tiny', bytes)).rejects.toMatchObject({
      name: 'JetStreamError',
      code: 'QUEUE_FULL',
    });
    await callApi(nc, 'STREAM.DELETE.TINY', undefined);
  });
  it('says NO_STREAM where nothing stores the subject', async () => {
    await expect(new Publisher(nc).publish('nobody.home', bytes, { attempts: 1 })).rejects.toMatchObject({
      code: 'NO_STREAM',
    });
  });
  it('says FORBIDDEN at once where the user may not', async () => {
    const gateway = await world.connect('gateway');
    await expect(new Publisher(gateway).publish('accept.0', bytes)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });
  it('says TOO_LARGE without asking the server', async () => {
    await expect(new Publisher(nc).publish(SUBMIT_CLIENT, new Uint8Array(2 ** 20))).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
  });
  it('says BAD_ANSWER when somebody else answers on the subject', async () => {
    const subscription = nc.subscribe('impostor', {
      callback: (_, message) => void message.respond('hello'),
    });
    await expect(new Publisher(nc).publish('impostor', bytes)).rejects.toMatchObject({ code: 'BAD_ANSWER' });
    subscription.unsubscribe();
  });
  it('says UNAVAILABLE when nobody answers in time', async () => {
    const subscription = nc.subscribe('silence', { callback: () => undefined });
    await expect(
      new Publisher(nc).publish('silence', bytes, { timeoutMs: 50, attempts: 2 }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    subscription.unsubscribe();
  });
  it('says CLOSED on a connection that we closed', async () => {
    const closed = await world.connect('gateway');
    await closed.close();
    await expect(new Publisher(closed).publish(SUBMIT_CLIENT, bytes)).rejects.toMatchObject({
      code: 'CLOSED',
    });
  });
  it('gets through a restart of the server', async () => {
    const publisher = new Publisher(nc);
    await world.nats.stop();
    const late = publisher.publish('submit.service.x', bytes, {
      attempts: 20,
      timeoutMs: 1_000,
      msgId: 'late',
    });
    await world.nats.start();
    await expect(late).resolves.toMatchObject({ stream: STREAMS.report });
    await world.nats.restart();
  });
});

describe('publishFacts', () => {
  const fact = (tenant: string, index: number): FactMessage => {
    const place = {
      tenant,
      log: `logline.test/${tenant}`,
      index,
      leaf: 'a'.repeat(64),
      timeMs: 1_764_000_000_000 + index,
      receiptSignature: 'sig',
      trace: 'b'.repeat(32),
    };
    const span = {
      this: `urn:span:${index}`,
      intent: 'run_state.running',
      subject: `urn:minicontainer:${tenant}/web`,
      ts: '2026-11-23T12:00:00.000Z',
    };
    return toFactMessage(span, new TextEncoder().encode(`{"n":${index}}`), place);
  };
  const range = (tenant: string, from: number, to: number): FactMessage[] =>
    Array.from({ length: to - from }, (_, n) => fact(tenant, from + n));
  const indexesOf = async (tenant: string): Promise<number[]> => {
    const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined)) as {
      state: { last_seq: number };
    };
    const indexes: number[] = [];
    for (let seq = 1; seq <= state.last_seq; seq++) {
      const { message } = (await callApi(nc, `STREAM.MSG.GET.${STREAMS.facts}`, { seq })) as {
        message: { subject: string; data: string };
      };
      if (message.subject.split('.')[3] === tenant)
        indexes.push((JSON.parse(Buffer.from(message.data, 'base64').toString()) as { n: number }).n);
    }
    return indexes;
  };
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
  let ledger: NatsConnection;
  beforeAll(async () => {
    ledger = await world.connect('ledger');
  });

  it('stores a few, in order', async () => {
    await publishFacts(ledger, range('few', 0, 3));
    expect(await indexesOf('few')).toEqual([0, 1, 2]);
  });
  it('stores many, in order', async () => {
    await publishFacts(ledger, range('many', 0, 100));
    expect(await indexesOf('many')).toEqual(upTo(100));
  });
  it('stores more than may be on their way at once', async () => {
    await publishFacts(ledger, range('huge', 0, 1001));
    expect(await lastFactOf(ledger, 'huge')).toMatchObject({ index: 1000 });
  });
  it('says nothing twice when the same unit comes again', async () => {
    await publishFacts(ledger, range('twice', 0, 40));
    await publishFacts(ledger, range('twice', 20, 60));
    expect(await indexesOf('twice')).toEqual(upTo(60));
  });
  it('stores none behind one that is refused, and all of them the next time', async () => {
    const facts = range('broken', 0, 10);
    const spoilt = facts.map((one, at) => (at === 4 ? { ...one, subject: 'fact.of.nobody' } : one));
    await publishFacts(ledger, range('before', 0, 1)); // so that the end of the stream is known
    await expect(publishFacts(ledger, spoilt)).rejects.toMatchObject({ code: 'NO_STREAM' });
    expect(await indexesOf('broken')).toEqual(upTo(4));
    await publishFacts(ledger, facts);
    expect(await indexesOf('broken')).toEqual(upTo(10));
  });
  it('goes on behind what a stranger has stored meanwhile', async () => {
    const stranger = await world.connect('ledger');
    await publishFacts(ledger, range('met', 0, 1)); // so that the end of the stream is known
    await publishFacts(stranger, range('stranger', 0, 1));
    await publishFacts(ledger, range('met', 1, 40));
    await publishFacts(ledger, range('met', 40, 80));
    expect(await indexesOf('met')).toEqual(upTo(80));
    expect(await indexesOf('stranger')).toEqual([0]);
  });
  it.each([1, 2])(
    'is not taken in by facts that another ledger has stored: %i behind one that is not',
    async (behind) => {
      const [mine, theirs] = [`mine-${behind}`, `theirs-${behind}`];
      const other = await world.connect('ledger');
      await publishFacts(ledger, range(`ahead-${behind}`, 0, 1)); // so that the end of the stream is known
      await publishFacts(other, range(theirs, 0, 1));
      // the first is refused without a word; the second is a duplicate, which is not, and the third finds that one ahead
      await publishFacts(ledger, [...range(mine, 0, 1), ...range(theirs, 0, behind)]);
      expect(await indexesOf(mine)).toEqual([0]);
      expect(await indexesOf(theirs)).toEqual(upTo(behind));
    },
  );
  it('sends what is stored already once more, and the rest behind it', async () => {
    const other = await world.connect('ledger');
    await publishFacts(ledger, range('half', 0, 1));
    await publishFacts(other, range('half', 1, 60));
    await publishFacts(ledger, range('half', 1, 150));
    expect(await indexesOf('half')).toEqual(upTo(150));
  });
  it('keeps each log in order while another ledger publishes too, and while two calls run at once', async () => {
    const other = await world.connect('ledger');
    const publishAll = async (by: NatsConnection, tenant: string): Promise<void> => {
      for (let from = 0; from < 300; from += 20) await publishFacts(by, range(tenant, from, from + 20));
    };
    await Promise.all([
      publishAll(ledger, 'one-of-three'),
      publishAll(ledger, 'two-of-three'),
      publishAll(other, 'three-of-three'),
    ]);
    for (const tenant of ['one-of-three', 'two-of-three', 'three-of-three'])
      expect(await indexesOf(tenant)).toEqual(upTo(300));
  });
  it('loses and doubles nothing when the server is restarted in between', async () => {
    const publishing = (async (): Promise<void> => {
      for (let from = 0; from < 400;) {
        try {
          await publishFacts(ledger, range('restart', from, Math.min(400, from + 50)));
          from += 50;
        } catch (error) {
          if (!(error instanceof JetStreamError) || JETSTREAM_FAULTS[error.code] !== 'retryable') throw error;
          from = ((await lastFactOf(ledger, 'restart').catch(() => null))?.index ?? from - 1) + 1;
        }
      }
    })();
    await world.nats.restart();
    await publishing;
    expect(await indexesOf('restart')).toEqual(upTo(400));
  });
  it('keeps the code of a batch that is refused', async () => {
    await publishFacts(ledger, range('codes', 0, 1));
    await expect(publishBatch(ledger, range('codes', 0, 40))).rejects.toMatchObject({
      code: 'DUPLICATE',
      apiCode: 10201,
    });
    const guarded = range('codes', 1, 3).map((one): FactMessage => ({
      ...one,
      headers: () => [...one.headers(), ['Nats-Expected-Last-Subject-Sequence', '999999']],
    }));
    await expect(publishBatch(ledger, guarded)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await indexesOf('codes')).toEqual([0]);
  });
  it('commits a batch of one', async () => {
    await publishBatch(ledger, range('one', 0, 1));
    expect(await indexesOf('one')).toEqual([0]);
  });
  it('refuses facts from anybody but the ledger', async () => {
    const gate = await world.connect('tdln-gate');
    await expect(publishFacts(gate, range('spoof', 0, 1))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(publishFacts(gate, range('spoof', 0, 40))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await indexesOf('spoof')).toEqual([]);
  });
});

describe('lastFactOf', () => {
  it('is null where FACTS has none of the tenant', async () => {
    expect(await lastFactOf(await world.connect('ledger'), 'nobody')).toBeNull();
  });
  it('reads place and checkpoint back as they were written', async () => {
    const ledger = await world.connect('ledger');
    const place = {
      tenant: 'last',
      log: 'logline.test/last',
      index: 7,
      leaf: 'c'.repeat(64),
      timeMs: 1_764_000_000_123,
      receiptSignature: 'sig',
      checkpoint: 'log\n7\nroot\n\n— log sig\n',
      trace: 'd'.repeat(32),
    };
    const span = {
      this: 'urn:span:x',
      intent: 'wallet.proof.verified',
      subject: 'urn:minicontainer:last/web',
      ts: '2026-11-23T12:00:00.000Z',
    };
    await publishFacts(ledger, [toFactMessage(span, new Uint8Array([123, 125]), place)]);
    expect(await lastFactOf(ledger, 'last')).toEqual({ index: 7, sequence: expect.any(Number), place });
  });
});

describe('Coalescer on a real stream', () => {
  const request = (n: number): SubmitRequest => ({
    trace: String(n).padStart(32, '0'),
    reply: '_INBOX.test.x',
    tenant: 'acme',
    language: 'en',
    caller: { kind: 'operator' },
    wait_ms: 10_000,
    spans: [{ position: 0, length: 4 }],
  });
  beforeEach(async () => {
    await callApi(nc, `STREAM.PURGE.${STREAMS.submit}`, undefined);
  });

  it('carries many requests in few envelopes, in order, and tells each when it is stored', async () => {
    const publisher = new Publisher(nc);
    const coalescer = new Coalescer<SubmitRequest>({
      send: (bytes) => publisher.publish(SUBMIT_CLIENT, bytes),
    });
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        coalescer.add(request(n), [new Uint8Array([0, 0, n >> 8, n & 255])]),
      ),
    );
    const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.submit}`, undefined)) as {
      state: { messages: number; first_seq: number; last_seq: number };
    };
    expect(state.messages).toBeLessThanOrEqual(Math.ceil(1_000 / 128) + 1);
    const seen: string[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const { message } = (await callApi(nc, `STREAM.MSG.GET.${STREAMS.submit}`, { seq })) as {
        message: { data: string };
      };
      const { header, bodies } = parseSubmitEnvelope(new Uint8Array(Buffer.from(message.data, 'base64')));
      header.requests.forEach(({ trace }, index) => {
        seen.push(trace);
        expect(bodies[index]).toEqual(new Uint8Array([0, 0, Number(trace) >> 8, Number(trace) & 255]));
      });
    }
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, n) => String(n).padStart(32, '0')));
  });
  it('rejects every request of an envelope that was refused, and goes on', async () => {
    const gate = new Publisher(await world.connect('wallet-verifier'));
    const coalescer = new Coalescer<SubmitRequest>({ send: (bytes) => gate.publish(SUBMIT_CLIENT, bytes) });
    const outcomes = await Promise.allSettled(
      [0, 1, 2].map((n) => coalescer.add(request(n), [new Uint8Array(4)])),
    );
    expect(
      outcomes.map((one) =>
        one.status === 'rejected' && one.reason instanceof JetStreamError ? one.reason.code : one.status,
      ),
    ).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
    await eventually(() => expect(coalescer.waiting).toBe(0));
  });
});
