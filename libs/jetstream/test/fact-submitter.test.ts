import {
  formatAckReply,
  parseAck,
  parseSubmitEnvelope,
  CONSUMERS,
  STREAMS,
  submitService,
  type Ack,
  type SubmitRequest,
} from '@logline/contracts';
import { answer, FactSubmitter, pullMessages, ReplyInbox, type MessageLoop } from '@logline/jetstream';
import { eventually, startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const TRACE = 'f'.repeat(32);
const noAck = (code: '503_UNAVAILABLE' | '403_FORBIDDEN', message: string): Ack => ({
  status: 'invalid',
  code,
  http_status: 503,
  trace_id: TRACE,
  details: [],
  errors: [message],
  suggested_reply: 'x',
});

let world: World;
let orchestrator: NatsConnection;
let gate: NatsConnection;
let inbox: ReplyInbox;
let loop: MessageLoop | undefined;

beforeAll(async () => {
  world = await startWorld({ name: 'submitter', postgres: false });
  orchestrator = await world.connect('deploy-orchestrator');
  gate = await world.connect('tdln-gate');
  inbox = ReplyInbox.open(orchestrator, 'deploy-orchestrator');
});
afterAll(() => world.close());
afterEach(async () => {
  await loop?.stop();
  loop = undefined;
});

/** What stands in for gate and ledger: decides about each request, on the real stream and the real inbox. */
function answerWith(decide: (request: SubmitRequest, bodies: readonly Uint8Array[]) => void): void {
  ({ loop } = pullMessages({
    nc: gate,
    stream: STREAMS.report,
    consumer: CONSUMERS.gateReport,
    how: { mode: 'ordered' },
    handle: async ([message]) => {
      const { header, bodies } = parseSubmitEnvelope(message.bytes);
      for (const request of header.requests) decide(request, bodies);
    },
  }));
}
const submitter = (): FactSubmitter =>
  new FactSubmitter({
    nc: orchestrator,
    inbox,
    subject: submitService('deploy-orchestrator'),
    user: 'deploy-orchestrator',
  });
const submission = (bodies: number, withinMs: number = 10_000) => ({
  tenant: 'acme',
  trace: TRACE,
  deadlineMs: Date.now() + withinMs,
  bodies: Array.from({ length: bodies }, (_, n) => new Uint8Array([n])),
});

describe('FactSubmitter', () => {
  it('gives one ack for each span, in order, however they are grouped', async () => {
    answerWith((request) => {
      expect(request).toMatchObject({
        trace: TRACE,
        tenant: 'acme',
        caller: { kind: 'own', user: 'deploy-orchestrator' },
      });
      const acks = request.spans.map(({ position }) => ({
        position,
        ack: noAck('403_FORBIDDEN', String(position)),
      }));
      answer(gate, request.reply, request.trace, acks.slice(1).reverse());
      answer(gate, request.reply, request.trace, acks.slice(0, 1));
    });
    const acks = await submitter().submit(submission(3));
    expect(acks.map((ack) => ('errors' in ack ? ack.errors[0] : ''))).toEqual(['0', '1', '2']);
  });

  it('says the very same again when told that it was not the moment', async () => {
    const seen: string[] = [];
    answerWith((request, bodies) => {
      seen.push(Buffer.concat(bodies).toString('hex'));
      const ack = seen.length < 3 ? noAck('503_UNAVAILABLE', 'later') : noAck('403_FORBIDDEN', 'final');
      answer(
        gate,
        request.reply,
        request.trace,
        request.spans.map(({ position }) => ({ position, ack })),
      );
    });
    const acks = await submitter().submit(submission(2));
    expect(acks.map(({ status }) => status)).toEqual(['invalid', 'invalid']);
    expect(seen).toEqual(['0001', '0001', '0001']);
  });

  it('ignores what is no answer to it', async () => {
    answerWith((request) => {
      gate.publish(request.reply, 'garbage');
      gate.publish(
        request.reply,
        formatAckReply({ v: 1, trace: TRACE, acks: [{ position: 99, ack: noAck('403_FORBIDDEN', 'x') }] }),
      );
      gate.publish(
        `${request.reply}x`,
        formatAckReply({
          v: 1,
          trace: TRACE,
          acks: [{ position: 0, ack: noAck('403_FORBIDDEN', 'stranger') }],
        }),
      );
      answer(gate, request.reply, request.trace, [{ position: 0, ack: noAck('403_FORBIDDEN', 'mine') }]);
    });
    const [ack] = await submitter().submit(submission(1));
    expect(ack).toMatchObject({ errors: ['mine'] });
  });

  it('sends what one envelope cannot hold in parts, each after the acks of the one before', async () => {
    const sizes: number[] = [];
    answerWith((request) => {
      sizes.push(request.spans.length);
      answer(
        gate,
        request.reply,
        request.trace,
        request.spans.map(({ position }) => ({ position, ack: noAck('403_FORBIDDEN', 'x') })),
      );
    });
    const acks = await submitter().submit(submission(300));
    expect(acks).toHaveLength(300);
    expect(sizes).toEqual([128, 128, 44]);
  });

  it('gives up at its deadline, and when it is told to', async () => {
    await expect(submitter().submit(submission(1, 300))).rejects.toMatchObject({ code: 'DEADLINE' });
    const abort = new AbortController();
    const aborted = submitter().submit({ ...submission(1, 60_000), signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'DEADLINE' });
    // what nobody answered is answered now, to nobody
    answerWith((request) =>
      answer(gate, request.reply, request.trace, [{ position: 0, ack: noAck('403_FORBIDDEN', 'late') }]),
    );
    await eventually(() => expect(loop?.counts.handled).toBeGreaterThan(0));
  });

  it('says at once that this user may not speak for another', async () => {
    const spoof = new FactSubmitter({
      nc: orchestrator,
      inbox,
      subject: submitService('tdln-gate'),
      user: 'tdln-gate',
    });
    await expect(spoof.submit(submission(1))).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('gets through a restart of the server', async () => {
    answerWith((request) =>
      answer(
        gate,
        request.reply,
        request.trace,
        request.spans.map(({ position }) => ({ position, ack: noAck('403_FORBIDDEN', 'x') })),
      ),
    );
    await world.nats.stop();
    const acks = submitter().submit(submission(2, 30_000));
    await world.nats.start();
    expect(await acks).toHaveLength(2);
  });
});

describe('ReplyInbox', () => {
  it('takes hundreds of acks with their receipts in several messages', async () => {
    const expected = inbox.expect(200);
    const ack = noAck('403_FORBIDDEN', 'r'.repeat(20_000));
    answer(
      gate,
      expected.reply,
      TRACE,
      Array.from({ length: 200 }, (_, position) => ({ position, ack })),
    );
    await expected.until(Date.now() + 10_000);
    expect(expected.isComplete()).toBe(true);
    expected.close();
  });
  it('gives what it has at the deadline', async () => {
    const expected = inbox.expect(2);
    answer(gate, expected.reply, TRACE, [{ position: 1, ack: noAck('403_FORBIDDEN', 'x') }]);
    const acks = await expected.until(Date.now() + 200);
    expect(acks.map((ack) => ack && parseAck(ack).status)).toEqual([undefined, 'invalid']);
    expected.close();
  });
  it('can wait for the first part only', async () => {
    const expected = inbox.expect(3);
    answer(gate, expected.reply, TRACE, [{ position: 0, ack: noAck('403_FORBIDDEN', 'x') }]);
    await expected.until(Date.now() + 10_000, 1);
    expect(expected.isComplete(1)).toBe(true);
    expect(expected.isComplete()).toBe(false);
    expected.close();
  });
});
