import { utf8 } from '@logline/canon-sign';
import {
  CONSUMERS,
  FIRST_PARTITION,
  formatEnvelope,
  parseAcceptEnvelope,
  STREAMS,
  verifyPartition,
  type AcceptRequest,
  type Span,
} from '@logline/contracts';
import { publishFacts, Publisher, pullMessages, toFactMessage } from '@logline/jetstream';
import { verdictSpan } from '@logline/tdln';
import {
  applySpan,
  buildService,
  eventually,
  proofFor,
  proofSpan,
  startService,
  startWorld,
  TENANT,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type ServiceProcess,
  type SignedSpan,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

type Taken = { readonly request: AcceptRequest; readonly bodies: readonly Uint8Array[] };

let world: World;
let env: Readonly<Record<string, string>>;
let verifier: ServiceProcess;
let test: NatsConnection;
let gate: Publisher;
/** What came out for the ledger. */
const taken: Taken[] = [];
const apply = applySpan({ tsMs: Date.now() });

beforeAll(async () => {
  buildService('wallet-verifier');
  world = await startWorld({ name: 'verifier', postgres: false });
  env = world.env('LOGLINE_VERIFIER', 'wallet-verifier', {
    key: 'wallet-verifier',
    more: { LOG_LEVEL: 'info' },
  });
  test = await world.connect('test');
  gate = new Publisher(await world.connect('tdln-gate'));
  const payload = { kind: 'minicontainer/applied.v1', cause: apply.span.this, ok: true, ref: apply.ref };
  const applied = verdictSpan(apply.span, 'minicontainer.applied', payload, {
    service: 'tdln-gate',
    signer: testKey('tdln-gate').signer,
  });
  await commit([tenantCreatedSpan({ tsMs: Date.now() }), apply, applied]);
  verifier = await startService('wallet-verifier', env);
  pullMessages({
    nc: test,
    stream: STREAMS.accept,
    consumer: CONSUMERS.ledger(FIRST_PARTITION),
    how: { mode: 'ordered' },
    handle: async ([message]) => {
      const { header, bodies } = parseAcceptEnvelope(message.bytes);
      for (const request of header.requests) taken.push({ request, bodies });
    },
  });
});

afterAll(async () => {
  await verifier?.stop();
  await world?.close();
});

let size = 0;
async function commit(spans: readonly { readonly span: Span; readonly bytes: Uint8Array }[]): Promise<void> {
  const log = `${TEST_ORIGIN}/${TENANT}`;
  const placed = {
    tenant: TENANT,
    log,
    leaf: '0'.repeat(64),
    timeMs: Date.now(),
    receiptSignature: 'x',
    trace: '0'.repeat(32),
  };
  await publishFacts(
    test,
    spans.map(({ span, bytes }) => toFactMessage(span, bytes, { ...placed, index: size++ })),
  );
}

/** A proof as the gate passes it on, having known the log up to `index`. The trace id. */
async function pass(span: SignedSpan, index: number, waitMs = 10_000): Promise<string> {
  const trace = randomBytes(16).toString('hex');
  const request: AcceptRequest = {
    trace,
    reply: '_INBOX.gateway.nobody.waits',
    tenant: TENANT,
    language: 'en',
    caller: { kind: 'token', token: 'tok1' },
    submitted_ms: Date.now(),
    deadline_ms: Date.now() + waitMs,
    attempt: 0,
    spans: [
      {
        position: 0,
        length: span.bytes.length,
        verdict_length: 0,
        role: 'client',
        reads: { tenant: index },
        writes: [],
      },
    ],
  };
  await gate.publish(
    verifyPartition(FIRST_PARTITION),
    formatEnvelope({ v: 1, requests: [request] }, [span.bytes]),
  );
  return trace;
}

let proofs = 0;
const proofOf = (ref: string): SignedSpan =>
  proofSpan({ proof: proofFor({ id: `p${++proofs}`, ref, iatMs: Date.now() }), tsMs: Date.now() });

async function verdictOn(trace: string): Promise<Record<string, unknown>> {
  const { bodies } = await eventually(() => {
    const found = taken.find(({ request }) => request.trace === trace);
    if (found === undefined) throw new Error(`no request ${trace}`);
    return found;
  });
  const verdict: Span = JSON.parse(new TextDecoder().decode(bodies[1]));
  return { ...verdict.payload };
}

async function held(): Promise<number> {
  const reply = await test.request(`$JS.API.STREAM.INFO.${STREAMS.verify}`);
  return reply.json<{ state: { messages: number } }>().state.messages;
}

describe('the wallet-verifier', () => {
  it('passes a proof on to the ledger with its verdict', async () => {
    expect(await verdictOn(await pass(proofOf(apply.ref), 2))).toMatchObject({ decision: 'allow' });
  });

  it('waits until it knows what the gate knew', async () => {
    const next = applySpan({ manifest: { version: '2' }, tsMs: Date.now() });
    const trace = await pass(proofOf(next.ref), size + 1);
    // a later one that needs no waiting goes ahead, so the first is known to wait
    await verdictOn(await pass(proofOf(apply.ref), 2));
    expect(taken.some(({ request }) => request.trace === trace)).toBe(false);
    const payload = { kind: 'minicontainer/applied.v1', cause: next.span.this, ok: true, ref: next.ref };
    await commit([
      next,
      verdictSpan(next.span, 'minicontainer.applied', payload, {
        service: 'tdln-gate',
        signer: testKey('tdln-gate').signer,
      }),
    ]);
    expect(await verdictOn(trace)).toMatchObject({ decision: 'allow' });
  });

  it('drops what nobody waits for any more', async () => {
    const trace = await pass(proofOf(apply.ref), 9_999, 200);
    await eventually(async () => expect(await held()).toBe(0));
    expect(taken.some(({ request }) => request.trace === trace)).toBe(false);
  });

  it('throws garbage away and goes on', async () => {
    const request: AcceptRequest = {
      trace: 'a'.repeat(32),
      reply: '_INBOX.gateway.a.b',
      tenant: TENANT,
      language: 'en',
      caller: { kind: 'operator' },
      submitted_ms: 1,
      deadline_ms: Date.now() + 60_000,
      attempt: 0,
      spans: [{ position: 0, length: 3, verdict_length: 0, role: 'client', reads: {}, writes: [] }],
    };
    const noSpan = formatEnvelope({ v: 1, requests: [request] }, [utf8('{x}')]);
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(0, 0, 0, 9, 1),
      utf8('{"v":1}'),
      Uint8Array.from([0, 0, 0, 2, 0x7b, 0x7d]),
      noSpan,
    ]) {
      await new Publisher(test).publish(verifyPartition(FIRST_PARTITION), bytes);
    }
    await eventually(async () => expect(await held()).toBe(0));
    expect(await verdictOn(await pass(proofOf(apply.ref), 2))).toMatchObject({ decision: 'allow' });
  });

  it('after kill -9 knows everything again, and takes up what was under way', async () => {
    await verifier.kill();
    const trace = await pass(proofOf(apply.ref), 2);
    verifier = await startService('wallet-verifier', env);
    expect(await verdictOn(trace)).toMatchObject({ decision: 'allow' });
    expect(await verifier.stop()).toBe(0);
    verifier = await startService('wallet-verifier', env);
  });

  it('after a restart of NATS goes on', async () => {
    await world.nats.restart();
    await eventually(async () => expect((await verifier.readyz()).ready).toBe(true), { withinMs: 30_000 });
    const verdict = await eventually(async () => await verdictOn(await pass(proofOf(apply.ref), 2)), {
      withinMs: 30_000,
    });
    expect(verdict).toMatchObject({ decision: 'allow' });
  });

  it.each([
    ['an unknown key', { LOGLINE_VERIFIER_COLOUR: 'red' }, 'LOGLINE_VERIFIER_COLOUR'],
    ['a key file that is not there', { LOGLINE_VERIFIER_KEY_FILE: '/nowhere' }, 'LOGLINE_VERIFIER_KEY_FILE'],
    ['a port that is none', { LOGLINE_VERIFIER_HTTP_PORT: 'http' }, 'LOGLINE_VERIFIER_HTTP_PORT'],
  ])('with %s in its configuration is refused', async (_what, changes, told) => {
    await expect(startService('wallet-verifier', { ...env, ...changes })).rejects.toThrow(told);
  });
});
