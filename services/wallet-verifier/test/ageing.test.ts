import {
  parseAck,
  CONSUMERS,
  FIRST_PARTITION,
  formatEnvelope,
  STREAMS,
  VERIFIER_BUCKET,
  verifyPartition,
  type AcceptRequest,
} from '@logline/contracts';
import {
  callApi,
  publishFacts,
  Publisher,
  pullMessages,
  readFactsStream,
  ReplyInbox,
  toFactMessage,
} from '@logline/jetstream';
import { verdictSpan } from '@logline/tdln';
import {
  applySpan,
  buildService,
  eventually,
  proofFor,
  proofSpan,
  startService,
  startWorld,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  untilAged,
  type ServiceProcess,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let world: World;
let env: Readonly<Record<string, string>>;
let verifier: ServiceProcess;
let test: NatsConnection;
let gate: Publisher;
let inbox: ReplyInbox;
/** Traces of what came out for the ledger with a verdict. */
const decided = new Map<string, string>();

beforeAll(async () => {
  buildService('wallet-verifier');
  world = await startWorld({ name: 'verifier-ageing', postgres: false, factsMaxAgeMs: 1_500 });
  env = world.env('LOGLINE_VERIFIER', 'wallet-verifier', {
    key: 'wallet-verifier',
    more: { LOG_LEVEL: 'info', SNAPSHOT_EVERY_MS: '100' },
  });
  test = await world.connect('test');
  gate = new Publisher(await world.connect('tdln-gate'));
  inbox = ReplyInbox.open(await world.connect('gateway'), 'gateway');
  verifier = await startService('wallet-verifier', env);
  pullMessages({
    nc: test,
    stream: STREAMS.accept,
    consumer: CONSUMERS.ledger(FIRST_PARTITION),
    how: { mode: 'ordered' },
    handle: async ([message]) => {
      const text = new TextDecoder().decode(message.bytes);
      const trace = /"trace":"([0-9a-f]{32})"/.exec(text)?.[1] ?? '';
      decided.set(trace, /"decision":"(\w+)"/.exec(text)?.[1] ?? 'none');
    },
  });
});
afterAll(async () => {
  await verifier?.stop();
  await world?.close();
});

const applies = new Map<string, ReturnType<typeof applySpan>>();

/** The birth of a tenant and one manifest, as facts; the same ones with each run. */
async function publish(tenant: string, run: string): Promise<void> {
  const apply = applies.get(tenant) ?? applySpan({ tenant, tsMs: Date.now() });
  applies.set(tenant, apply);
  const payload = { kind: 'minicontainer/applied.v1', cause: apply.span.this, ok: true, ref: apply.ref };
  const applied = verdictSpan(apply.span, 'minicontainer.applied', payload, {
    service: 'tdln-gate',
    signer: testKey('tdln-gate').signer,
  });
  const place = { tenant, log: `${TEST_ORIGIN}/${tenant}`, leaf: '0'.repeat(64), timeMs: Date.now() };
  const facts = [tenantCreatedSpan({ tenant, tsMs: Date.now() }), apply, applied].map(
    ({ span, bytes }, index) =>
      toFactMessage(span, bytes, { ...place, index, receiptSignature: 'x', trace: '0'.repeat(32) }),
  );
  await publishFacts(
    test,
    facts.map((fact) => ({ ...fact, msgId: `${fact.msgId}:${run}` })),
  );
}

let proofs = 0;
/** A proof of the tenant's manifest, as the gate passes it on, which knew its log up to `index`; what became of it. */
async function prove(tenant: string, index = 2): Promise<unknown> {
  const span = proofSpan({
    proof: proofFor({
      id: `p${++proofs}`,
      tenant,
      subject: `urn:minicontainer:${tenant}/web`,
      ref: applies.get(tenant)?.ref ?? '',
      iatMs: Date.now(),
    }),
    tenant,
    tsMs: Date.now(),
  });
  const trace = randomBytes(16).toString('hex');
  const expected = inbox.expect(1);
  const request: AcceptRequest = {
    trace,
    reply: expected.reply,
    tenant,
    language: 'en',
    caller: { kind: 'token', token: 'tok1' },
    submitted_ms: Date.now(),
    deadline_ms: Date.now() + 15_000,
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
  const answered = expected.until(Date.now() + 15_000).then(([ack]) => ack && parseAck(ack));
  const passed = eventually(() => decided.get(trace) ?? Promise.reject(new Error('nothing yet')), {
    withinMs: 15_000,
  });
  return await Promise.race([answered, passed]).finally(() => expected.close());
}

const readyz = async (): Promise<string> => await (await fetch(`${verifier.url}/readyz`)).text();

describe('a verifier whose facts have aged', () => {
  it('starts again and judges from its snapshots', async () => {
    await publish('kept', 'first');
    expect(await prove('kept')).toBe('allow');
    await untilAged(test);
    expect(await verifier.stop()).toBe(0);
    verifier = await startService('wallet-verifier', env);
    expect(await readFactsStream(test)).toMatchObject({ firstSequence: 4, lastSequence: 3 });
    expect(await prove('kept')).toBe('allow');
  });

  it('without a snapshot answers 503 with what is missing, for that tenant only, until it is republished', async () => {
    await verifier.stop();
    await callApi(test, `STREAM.PURGE.KV_${VERIFIER_BUCKET}`, undefined);
    verifier = await startService('wallet-verifier', env);
    await publish('fresh', 'first');
    const fix = 'logline ledger republish --again --tenant kept --from 0';
    // the first one waits for facts that may be on their way, those behind it do not
    expect(await prove('kept')).toMatchObject({
      code: '503_UNAVAILABLE',
      errors: [expect.stringContaining(fix)],
    });
    expect(verifier.lines).toContainEqual(expect.objectContaining({ msg: expect.stringContaining(fix) }));
    expect(await readyz()).toContain('facts 0 to 2 of kept');
    expect(await verifier.metric('verifier_lacking_tenants')).toBe(1);
    expect(await prove('fresh')).toBe('allow');

    await publish('kept', 'again');
    await eventually(async () => expect(await prove('kept')).toBe('allow'));
    expect(await readyz()).toContain('0 lacking facts');
    expect(await verifier.metric('verifier_lacking_tenants')).toBe(0);
  });
});
