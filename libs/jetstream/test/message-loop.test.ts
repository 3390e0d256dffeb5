import { CONSUMERS, ContractError, STREAMS } from '@logline/contracts';
import {
  callApi,
  classifyBy,
  JetStreamError,
  migrateStreams,
  PARKED_HEADERS,
  pullMessages,
  recreateConsumer,
  type JetStreamContext,
  type MessageLoop,
  type MessageLoopOptions,
} from '@logline/jetstream';
import { eventually, startWorld, type World } from '@logline/testing';
import { MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let world: World;
let nc: NatsConnection;
/** Loops of the running test. */
let loops: MessageLoop[] = [];

beforeAll(async () => {
  world = await startWorld({ name: 'loop', postgres: false });
  nc = await world.connect('test');
});
afterAll(() => world.close());
afterEach(async () => {
  await Promise.all(loops.map((loop) => loop.stop()));
  loops = [];
  for (const stream of [STREAMS.submit, STREAMS.accept, STREAMS.verify])
    await callApi(nc, `STREAM.PURGE.${stream}`, undefined);
});

type Parts = Pick<MessageLoopOptions, 'handle' | 'how'> & Partial<MessageLoopOptions>;
const pull = (options: Parts): MessageLoop => {
  const { loop } = pullMessages({
    nc,
    stream: STREAMS.submit,
    consumer: CONSUMERS.gateSubmit,
    onFatal: () => undefined,
    ...options,
  });
  loops.push(loop);
  return loop;
};
const publish = async (from: number, to: number, subject: string = 'submit.client'): Promise<void> => {
  for (let n = from; n < to; n++) await nc.request(subject, String(n));
};
const numberOf = (message: JetStreamContext): number => Number(new TextDecoder().decode(message.bytes));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const infoOf = async (
  stream: string,
  consumer: string,
): Promise<{ num_pending: number; num_ack_pending: number; num_redelivered: number }> =>
  (await callApi(nc, `CONSUMER.INFO.${stream}.${consumer}`, undefined)) as {
    num_pending: number;
    num_ack_pending: number;
    num_redelivered: number;
  };
const untilEmpty = (stream: string, consumer: string): Promise<void> =>
  eventually(async () =>
    expect(await infoOf(stream, consumer)).toMatchObject({ num_pending: 0, num_ack_pending: 0 }),
  );
/** A promise that is settled from outside. */
const gate = (): { readonly opened: Promise<void>; open(): void } => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
};

describe('an ordered handler', () => {
  const how = { mode: 'ordered' } as const;

  it('gets one message at a time, in stream order, and each is settled', async () => {
    await publish(0, 300);
    const seen: number[] = [];
    let running = 0;
    pull({
      how,
      handle: async ([message]) => {
        expect(++running).toBe(1);
        await Promise.resolve();
        seen.push(numberOf(message));
        running--;
      },
    });
    await eventually(() => expect(seen).toEqual(upTo(300)));
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
  });

  it('is told what JetStream knows about the message', async () => {
    const beforeMs = Date.now();
    await nc.request('submit.client', 'x');
    const seen: JetStreamContext[] = [];
    pull({ how, handle: async ([message]) => void seen.push(message) });
    await eventually(() => expect(seen).toHaveLength(1));
    expect(seen[0]).toMatchObject({
      subject: 'submit.client',
      stream: 'SUBMIT',
      consumer: 'gate',
      deliveryCount: 1,
      pending: 0,
    });
    expect(seen[0]?.timestampMs).toBeGreaterThanOrEqual(beforeMs - 1);
    expect(seen[0]?.timestampMs).toBeLessThanOrEqual(Date.now() + 1);
    expect(seen[0]?.trace).toBeUndefined();
  });

  it('retries in place what may work later, and nothing overtakes', async () => {
    await publish(0, 5);
    const tries: number[] = [];
    const loop = pull({
      how,
      handle: async ([message]) => {
        tries.push(numberOf(message));
        if (numberOf(message) === 1 && tries.filter((n) => n === 1).length < 3)
          throw new JetStreamError('UNAVAILABLE', 'not yet');
      },
    });
    await eventually(() => expect(tries).toEqual([0, 1, 1, 1, 2, 3, 4]));
    expect(loop.counts).toMatchObject({ retried: 2, handled: 5, terminated: 0 });
  });

  it('drops garbage for good, counts it, and goes on', async () => {
    await publish(0, 4);
    const seen: number[] = [];
    const loop = pull({
      how,
      handle: async ([message]) => {
        if (numberOf(message) % 2 === 1) throw new ContractError('BAD_ENVELOPE', 'not an envelope');
        seen.push(numberOf(message));
      },
    });
    await eventually(() => expect(loop.counts).toMatchObject({ handled: 2, terminated: 2 }));
    expect(seen).toEqual([0, 2]);
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
    const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.submit}`, undefined)) as {
      state: { messages: number };
    };
    expect(state.messages).toBe(0);
  });

  it('gives an error that nobody has sorted five tries', async () => {
    await publish(0, 2);
    const tries: number[] = [];
    const loop = pull({
      how,
      handle: async ([message]) => {
        tries.push(numberOf(message));
        if (numberOf(message) === 0) throw new TypeError('a bug');
      },
    });
    await eventually(() => expect(loop.counts).toMatchObject({ handled: 1, terminated: 1 }));
    expect(tries).toEqual([0, 0, 0, 0, 0, 1]);
  });

  it('stops for good on a fatal error, and leaves the message to the next one', async () => {
    await publish(0, 2);
    const fatal: unknown[] = [];
    const error = new JetStreamError('FORBIDDEN', 'x');
    const seen: number[] = [];
    const loop = pull({
      how,
      onFatal: (one) => void fatal.push(one),
      handle: async ([message]) => {
        seen.push(numberOf(message));
        throw error;
      },
    });
    await eventually(() => expect(fatal).toEqual([error]));
    expect(seen).toEqual([0]);
    expect(loop.isHealthy()).toBe(false);
    expect((await infoOf(STREAMS.submit, CONSUMERS.gateSubmit)).num_ack_pending).toBeGreaterThan(0);
    await loop.stop();
    await migrateAfresh();
  });

  it('keeps a message that takes longer than the server waits', async () => {
    await publish(0, 1);
    const tries: number[] = [];
    pull({
      how,
      handle: async ([message]) => {
        tries.push(message.deliveryCount);
        await new Promise((resolve) => setTimeout(resolve, 4_000)); // ack_wait of this consumer is 3 s
      },
    });
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
    expect(tries).toEqual([1]);
  });
});

describe('a concurrent handler', () => {
  it('is started in stream order, up to its limit, and not waited for', async () => {
    await publish(0, 40);
    const started: number[] = [];
    const { opened, open } = gate();
    pull({
      how: { mode: 'concurrent', limit: 16 },
      handle: async ([message]) => {
        started.push(numberOf(message));
        await opened;
      },
    });
    await eventually(() => expect(started).toEqual(upTo(16)));
    open();
    await eventually(() => expect(started).toEqual(upTo(40)));
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
  });

  it('gets a message again after a while when it may work later', async () => {
    await publish(0, 3);
    const tries: [number, number][] = [];
    const loop = pull({
      how: { mode: 'concurrent', limit: 8 },
      handle: async ([message]) => {
        tries.push([numberOf(message), message.deliveryCount]);
        if (numberOf(message) === 0 && message.deliveryCount < 3)
          throw new JetStreamError('QUEUE_FULL', 'later');
      },
    });
    await eventually(() => expect(loop.counts).toMatchObject({ handled: 3, retried: 2 }));
    expect(tries.filter(([n]) => n === 0)).toEqual([
      [0, 1],
      [0, 2],
      [0, 3],
    ]);
  });

  it('loses nothing and repeats nothing when it is stopped in the middle and another one takes over', async () => {
    await publish(0, 500);
    const handled: number[] = [];
    const slowly = async ([message]: readonly [JetStreamContext, ...JetStreamContext[]]): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      handled.push(numberOf(message));
    };
    const first = pull({ how: { mode: 'concurrent', limit: 32 }, handle: slowly });
    await eventually(() => expect(handled.length).toBeGreaterThan(100));
    await first.stop();
    const untilThen = handled.length;
    expect(untilThen).toBeLessThan(500);
    pull({ how: { mode: 'ordered' }, handle: slowly });
    await eventually(() => expect(handled.length).toBeGreaterThanOrEqual(500));
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
    expect([...handled].sort((a, b) => a - b)).toEqual(upTo(500));
  });
});

describe('a batch handler', () => {
  it('gets whatever is there, in order, up to its limit', async () => {
    await publish(0, 100);
    const batches: number[][] = [];
    pull({
      how: { mode: 'batch', limit: 40 },
      handle: async (messages) => {
        batches.push(messages.map(numberOf));
        await nc.flush();
      },
    });
    await eventually(() => expect(batches.flat()).toEqual(upTo(100)));
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(40);
    expect(batches.length).toBeLessThan(20);
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
  });

  it('with a pace begins at once, and then takes what has come in the meantime', async () => {
    const batches: number[][] = [];
    pull({
      how: { mode: 'batch', limit: 40, pace: { perSecond: 2, burst: 1 } },
      handle: async (messages) => void batches.push(messages.map(numberOf)),
    });
    await publish(0, 1);
    await eventually(() => expect(batches).toEqual([[0]]));
    // one by one, each stored before the next is sent: without the pace each would be a batch of its own
    for (let n = 1; n < 20; n++) await publish(n, n + 1);
    await eventually(() => expect(batches.flat()).toEqual(upTo(20)));
    expect(batches.length).toBeLessThan(6);
  });

  it('with a pace does not wait when a batch is full, nor when it is stopped', async () => {
    const handled: number[] = [];
    const loop = pull({
      how: { mode: 'batch', limit: 40, pace: { perSecond: 0.001, burst: 1 } },
      handle: async (messages) => void handled.push(...messages.map(numberOf)),
    });
    // the one turn that waits for nothing, and then batches that fill while they wait
    await publish(0, 1);
    await eventually(() => expect(handled).toEqual([0]));
    for (let n = 1; n < 100; n++) await publish(n, n + 1);
    await eventually(() => expect(handled.length).toBeGreaterThan(60));
    await loop.stop();
    const untilThen = handled.length;
    expect(handled).toEqual(upTo(untilThen));
    pull({ how: { mode: 'ordered' }, handle: async ([message]) => void handled.push(numberOf(message)) });
    await eventually(() => expect([...handled].sort((a, b) => a - b)).toEqual(upTo(100)));
  });

  it('finds the one message that cannot be handled, and lets the others through in order', async () => {
    await publish(0, 20);
    const applied: number[] = [];
    const loop = pull({
      how: { mode: 'batch', limit: 20 },
      handle: async (messages) => {
        if (messages.some((message) => numberOf(message) === 7))
          throw new ContractError('BAD_ENVELOPE', 'garbage');
        applied.push(...messages.map(numberOf));
      },
    });
    await eventually(() => expect(loop.counts).toMatchObject({ handled: 19, terminated: 1 }));
    expect(applied).toEqual(upTo(20).filter((n) => n !== 7));
  });
});

describe('a reader that may restore order', () => {
  it('gets everything once and in order, although deliveries were lost on the way', async () => {
    await publish(0, 60);
    // as a connection that breaks does: the server believes these delivered, and would send them again behind all others
    const lost = await nc.request(
      `$JS.API.CONSUMER.MSG.NEXT.${STREAMS.submit}.${CONSUMERS.gateSubmit}`,
      JSON.stringify({ batch: 1, no_wait: true }),
      { timeout: 1_000, noMux: true },
    );
    expect(lost.string()).toBe('0');
    const seen: number[] = [];
    let stolen = false;
    pull({
      how: { mode: 'batch', limit: 10 },
      restoreOrder: () => recreateConsumer(nc, STREAMS.submit, CONSUMERS.gateSubmit),
      handle: async (messages) => {
        seen.push(...messages.map(numberOf));
        if (seen.length < 20 || stolen) return;
        stolen = true;
        await publish(60, 80);
        await nc
          .request(
            `$JS.API.CONSUMER.MSG.NEXT.${STREAMS.submit}.${CONSUMERS.gateSubmit}`,
            JSON.stringify({ batch: 1, no_wait: true }),
            { timeout: 1_000, noMux: true },
          )
          .catch(() => undefined);
      },
    });
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(80));
    expect([...new Set(seen)]).toEqual(upTo(80));
    await untilEmpty(STREAMS.submit, CONSUMERS.gateSubmit);
  });
});

describe('a reader of facts', () => {
  it('parks what it cannot handle, with the reason, and goes on', async () => {
    await nc.request('fact.run_state.running.acme.web', 'garbage', {
      timeout: 5_000,
      headers: headersOf([
        ['traceparent', `00-${'e'.repeat(32)}-1-01`],
        ['Nats-Msg-Id', 'acme:1'],
      ]),
    });
    await nc.request('fact.run_state.running.acme.web', 'good');
    const projector = await world.connect('projector');
    const seen: string[] = [];
    const loop = pull({
      nc: projector,
      stream: STREAMS.facts,
      consumer: CONSUMERS.projector,
      how: { mode: 'ordered' },
      handle: async ([message]) => {
        const text = new TextDecoder().decode(message.bytes);
        if (text === 'garbage') throw new ContractError('BAD_HEADERS', 'a fact has no header\nLogline-Index');
        seen.push(text);
      },
    });
    await eventually(() => expect(seen).toEqual(['good']));
    expect(loop.counts).toMatchObject({ parked: 1, terminated: 0, handled: 1 });
    const { message } = (await callApi(nc, `STREAM.MSG.GET.${STREAMS.parked}`, {
      last_by_subj: 'parked.projector.>',
    })) as { message: { subject: string; data: string; hdrs: string } };
    expect(message.subject).toBe('parked.projector.fact.run_state.running.acme.web');
    expect(Buffer.from(message.data, 'base64').toString()).toBe('garbage');
    const headers = MsgHdrsImpl.decode(Buffer.from(message.hdrs, 'base64'));
    expect(headers.get(PARKED_HEADERS.reason)).toBe('BAD_HEADERS: a fact has no header Logline-Index');
    expect(headers.get(PARKED_HEADERS.sequence)).toBe('1');
    expect(headers.get('traceparent')).toContain('e'.repeat(32));
  });
});

describe('a reader that acknowledges for all before it', () => {
  const subject = (n: number) => `fact.run_state.running.acme.batch-${n}`;
  const projector = { stream: STREAMS.facts, consumer: CONSUMERS.projector } as const;
  type Floor = { readonly ack_floor: { readonly stream_seq: number }; readonly num_ack_pending: number };
  const floorOf = async (): Promise<Floor> =>
    (await callApi(nc, `CONSUMER.INFO.${STREAMS.facts}.${CONSUMERS.projector}`, undefined)) as Floor;
  const textOf = ({ bytes }: JetStreamContext): string => new TextDecoder().decode(bytes);
  const lastStored = async (): Promise<number> =>
    ((await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined)) as { state: { last_seq: number } }).state
      .last_seq;
  const store = async (texts: readonly string[]): Promise<void> => {
    for (const [n, text] of texts.entries()) await nc.request(subject(n), text, { timeout: 5_000 });
  };

  it('acknowledges the last of a batch, and everything is', async () => {
    await recreateConsumer(nc, STREAMS.facts, CONSUMERS.projector, {
      fromSequence: (await lastStored()) + 1,
    });
    await store(upTo(50).map(String));
    let acks = 0;
    const heard = nc.subscribe(`$JS.ACK.${STREAMS.facts}.${CONSUMERS.projector}.>`, {
      callback: () => void acks++,
    });
    await nc.flush();
    const seen: string[] = [];
    const loop = pull({
      ...projector,
      how: { mode: 'batch', limit: 25 },
      handle: async (messages) => {
        seen.push(...messages.map(textOf));
        await nc.flush(); // more come meanwhile
      },
    });
    await eventually(() => expect(seen).toEqual(upTo(50).map(String)));
    const last = await lastStored();
    await eventually(async () =>
      expect(await floorOf()).toMatchObject({ ack_floor: { stream_seq: last }, num_ack_pending: 0 }),
    );
    expect(loop.counts).toMatchObject({ handled: 50, parked: 0 });
    expect(acks).toBeLessThan(50);
    heard.unsubscribe();
  });

  it('acknowledges nothing behind a message that could not be parked before it had to stop', async () => {
    const before = await lastStored();
    await recreateConsumer(nc, STREAMS.facts, CONSUMERS.projector, { fromSequence: before + 1 });
    await store(['a', 'b', 'garbage', 'd', 'e']);
    // what cannot be parked now waits
    await callApi(nc, `STREAM.DELETE.${STREAMS.parked}`, undefined);
    const seen: string[] = [];
    const handle: MessageLoopOptions['handle'] = async (messages) => {
      seen.push(...messages.map(textOf));
      return messages
        .filter((message) => textOf(message) === 'garbage')
        .map((message) => ({ message, error: new ContractError('BAD_HEADERS', 'garbage') }));
    };
    const first = pull({ ...projector, how: { mode: 'batch', limit: 5 }, handle });
    await eventually(() => expect(first.counts.retried).toBeGreaterThan(0));
    await first.stop();
    expect((await floorOf()).ack_floor.stream_seq).toBeLessThan(before + 3);
    await migrateStreams(nc);
    await recreateConsumer(nc, STREAMS.facts, CONSUMERS.projector);
    seen.length = 0;
    const second = pull({ ...projector, how: { mode: 'batch', limit: 5 }, handle });
    await eventually(async () =>
      expect(await floorOf()).toMatchObject({ ack_floor: { stream_seq: before + 5 }, num_ack_pending: 0 }),
    );
    expect(seen).toContain('garbage');
    expect(second.counts.parked).toBe(1);
  });
});

describe('a new leader', () => {
  it('gets everything that nobody has acknowledged, in order, when it recreates the consumer', async () => {
    await publish(0, 30, 'accept.0');
    const ledger = await world.connect('ledger');
    const { opened, open } = gate();
    const first: number[] = [];
    const old = pull({
      nc: ledger,
      stream: STREAMS.accept,
      consumer: CONSUMERS.ledger(0),
      how: { mode: 'concurrent', limit: 100 },
      handle: async ([message]) => {
        first.push(numberOf(message));
        if (numberOf(message) % 3 !== 0) await opened;
      },
    });
    await eventually(() => expect(first).toHaveLength(30));
    const other = await world.connect('ledger');
    await nc.flush();
    await recreateConsumer(other, STREAMS.accept, CONSUMERS.ledger(0));
    const second: number[] = [];
    pull({
      nc: other,
      stream: STREAMS.accept,
      consumer: CONSUMERS.ledger(0),
      how: { mode: 'concurrent', limit: 100 },
      handle: async ([message]) => void second.push(numberOf(message)),
    });
    await eventually(() => expect(second).toEqual(upTo(30).filter((n) => n % 3 !== 0)));
    open();
    await old.stop('drop');
    await untilEmpty(STREAMS.accept, CONSUMERS.ledger(0));
  });

  it('of a reader of facts goes on behind what was acknowledged', async () => {
    const orchestrator = await world.connect('deploy-orchestrator');
    const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined)) as {
      state: { last_seq: number };
    };
    await publish(state.last_seq, state.last_seq + 10, 'fact.deploy.planned.acme.web');
    const read = async (limit: number): Promise<number[]> => {
      const sequences: number[] = [];
      const { opened, open } = gate();
      const loop = pull({
        nc: orchestrator,
        stream: STREAMS.facts,
        consumer: CONSUMERS.orchestrator(0),
        how: { mode: 'ordered' },
        handle: async ([message]) => {
          if (sequences.length === limit) return await opened;
          sequences.push(message.sequence);
        },
      });
      await eventually(() => expect(sequences).toHaveLength(limit));
      const stopped = loop.stop('drop');
      open();
      await stopped;
      return sequences;
    };
    const all = await read(4);
    await recreateConsumer(orchestrator, STREAMS.facts, CONSUMERS.orchestrator(0));
    const rest = await read(3);
    expect(rest[0]).toBeGreaterThan(all[3] ?? 0);
    await recreateConsumer(orchestrator, STREAMS.facts, CONSUMERS.orchestrator(0), { fromSequence: 2 });
    expect(await read(2)).toEqual([2, 3]);
  });
});

describe('pulling', () => {
  it('goes on when the consumer was deleted and made again', async () => {
    const seen: number[] = [];
    const loop = pull({
      stream: STREAMS.verify,
      consumer: CONSUMERS.verifier,
      how: { mode: 'ordered' },
      handle: async ([message]) => void seen.push(numberOf(message)),
    });
    await publish(0, 1, 'verify.0');
    await eventually(() => expect(seen).toEqual([0]));
    await callApi(nc, `CONSUMER.DELETE.${STREAMS.verify}.${CONSUMERS.verifier}`, undefined);
    await eventually(() => expect(loop.isHealthy()).toBe(false));
    await migrateAfresh();
    await publish(1, 3, 'verify.0');
    await eventually(() => expect(seen).toEqual([0, 1, 2]));
    expect(loop.isHealthy()).toBe(true);
  });

  it('goes on when the server was killed and came back', async () => {
    const seen: number[] = [];
    pull({
      stream: STREAMS.report,
      consumer: CONSUMERS.gateReport,
      how: { mode: 'ordered' },
      handle: async ([message]) => void seen.push(numberOf(message)),
    });
    await publish(0, 1, 'submit.service.x');
    await eventually(() => expect(seen).toEqual([0]));
    await world.nats.kill();
    await world.nats.start();
    await eventually(() => nc.request('submit.service.x', '1', { timeout: 500 }));
    await eventually(() => expect(seen).toContain(1));
    await world.nats.restart();
  });

  it('needs no more than the permissions of its user', async () => {
    const verifier = await world.connect('wallet-verifier');
    const seen: number[] = [];
    pull({
      nc: verifier,
      stream: STREAMS.verify,
      consumer: CONSUMERS.verifier,
      how: { mode: 'ordered' },
      handle: async ([message]) => void seen.push(numberOf(message)),
      classify: classifyBy(),
    });
    await publish(0, 3, 'verify.0');
    await eventually(() => expect(seen).toEqual([0, 1, 2]));
    await untilEmpty(STREAMS.verify, CONSUMERS.verifier);
  });
});

/** Consumers as they should be, their positions fresh. */
async function migrateAfresh(): Promise<void> {
  const { migrateStreams } = await import('@logline/jetstream');
  const migrator = await world.connect('migrator');
  for (const [stream, consumer] of [[STREAMS.submit, CONSUMERS.gateSubmit]] as const)
    await callApi(migrator, `CONSUMER.DELETE.${stream}.${consumer}`, undefined);
  await migrateStreams(migrator);
  await migrator.close();
}

function headersOf(pairs: readonly (readonly [string, string])[]): MsgHdrsImpl {
  const headers = new MsgHdrsImpl();
  for (const [name, value] of pairs) headers.set(name, value);
  return headers;
}
