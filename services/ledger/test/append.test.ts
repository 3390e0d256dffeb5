import { type Ack, type AckOk, parseSubmitEnvelope, STREAMS, SUBMIT_RECHECK } from '@logline/contracts';
import { lastFactOf } from '@logline/jetstream';
import {
  eventually,
  signedSpan,
  type SignedSpan,
  startWorld,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type World,
} from '@logline/testing';
import { formatVkey, parseVkey, verifyReceipt } from '@logline/tlog';
import { spanIdFromCause } from '@logline/canon-sign';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeGate } from './fake-gate.ts';
import { readFactsOf } from './facts-of.ts';
import { buildLedger, ledgerEnv, type LedgerProcess, migrateLedger, startLedger } from './ledger-process.ts';

let world: World;
let gate: FakeGate;
let ledger: LedgerProcess;
let test: NatsConnection;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger' });
  env = ledgerEnv(world);
  migrateLedger(env);
  ledger = await startLedger(env);
  gate = await FakeGate.open(world);
  test = await world.connect('test');
});

afterAll(async () => {
  await ledger?.stop();
  await world?.close();
});

/** A tenant of its own for each test. */
async function newTenant(tenant: string): Promise<SignedSpan> {
  const birth = tenantCreatedSpan({ tenant });
  const [ack] = await gate.submit(
    [{ cause: birth, role: 'operator', reads: { tenant: -1 }, writes: ['tenant'] }],
    { tenant, caller: { kind: 'operator' } },
  );
  expect(ack?.status).toBe('ok');
  return birth;
}

function spanOf(tenant: string, nth: number, more: { prev?: string; id?: string } = {}): SignedSpan {
  return signedSpan({
    intent: 'deploy.stop',
    subject: `urn:minicontainer:${tenant}/web`,
    payload: { target: { provider: 'docker' }, options: { timeout_ms: 1000 + nth } },
    nth,
    ...more,
  });
}

function verdictOf(cause: SignedSpan, intent: string, payload: Record<string, unknown>): SignedSpan {
  return signedSpan({
    intent,
    subject: cause.span.subject,
    payload: { cause: cause.span.this, ...payload },
    key: testKey('wallet-verifier'),
    id: spanIdFromCause(Date.parse(cause.span.ts), cause.span.this, 'wallet-verifier', intent),
  });
}

function verify(ack: Ack | undefined, span: SignedSpan, tenant: string): AckOk['receipt'] {
  if (ack === undefined || !('receipt' in ack) || ack.receipt === undefined)
    throw new Error(`no receipt: ${JSON.stringify(ack)}`);
  const origin = `${TEST_ORIGIN}/${tenant}`;
  verifyReceipt({
    receipt: ack.receipt,
    spanBytes: span.bytes,
    vkeys: [parseVkey(formatVkey(origin, testKey('log').signer.publicKey))],
  });
  return ack.receipt;
}

describe('a span', () => {
  it('becomes a fact with a receipt that verifies offline', async () => {
    const birth = await newTenant('alpha');
    const spans = Array.from({ length: 100 }, (_, nth) => spanOf('alpha', nth));
    const acks = await gate.submit(
      spans.map((cause) => ({ cause })),
      { tenant: 'alpha' },
    );
    const receipts = spans.map((span, at) => verify(acks[at], span, 'alpha'));
    expect(receipts.map(({ index }) => index)).toEqual(spans.map((_, at) => at + 1));
    expect(receipts[0]?.log).toBe(`${TEST_ORIGIN}/alpha`);
    const facts = await readFactsOf(test, 'alpha', 101);
    expect(facts.map(({ place }) => place.index)).toEqual(facts.map((_, at) => at));
    expect(facts.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      [birth, ...spans].map(({ bytes }) => Buffer.from(bytes)),
    );
    expect(facts.at(-1)?.place.checkpoint).toContain(`${TEST_ORIGIN}/alpha\n101\n`);
  });

  it('gets the byte-identical receipt again, however late and whoever asks', async () => {
    await newTenant('beta');
    const span = spanOf('beta', 1);
    const [first] = await gate.submit([{ cause: span }], { tenant: 'beta' });
    // enough to fill the tile that the first proof was made from
    for (let batch = 0; batch < 6; batch++) {
      await gate.submit(
        Array.from({ length: 100 }, (_, nth) => ({ cause: spanOf('beta', 1000 + batch * 100 + nth) })),
        { tenant: 'beta' },
      );
    }
    const [again] = await gate.submit([{ cause: span }], { tenant: 'beta', waitMs: 10_000 });
    expect(again).toEqual({ ...first, trace_id: again?.trace_id, replayed: true });
    verify(again, span, 'beta');
  });

  it('commits with its verdict, and one ack covers both', async () => {
    await newTenant('gamma');
    const cause = spanOf('gamma', 1);
    const verdict = verdictOf(cause, 'wallet.proof.verified', {
      proof: 'p1',
      decision: 'allow',
      reasons: [],
    });
    const [ack] = await gate.submit([{ cause, verdict, writes: ['proof:p1'] }], { tenant: 'gamma' });
    expect(ack).toMatchObject({
      status: 'ok',
      verdict: { this: verdict.span.this, intent: 'wallet.proof.verified', payload: { decision: 'allow' } },
    });
    const [again] = await gate.submit([{ cause, verdict }], { tenant: 'gamma' });
    expect(again).toMatchObject({ status: 'ok', replayed: true, verdict: { this: verdict.span.this } });
    const facts = await readFactsOf(test, 'gamma', 3);
    expect(facts.map(({ place }) => place.index)).toEqual([0, 1, 2]);
  });

  it('is answered 403 with its receipt when the verdict beside it is a denial, now and again', async () => {
    await newTenant('delta');
    const cause = spanOf('delta', 1);
    const verdict = verdictOf(cause, 'wallet.proof.verified', {
      proof: 'p1',
      decision: 'deny',
      reasons: ['the proof has expired'],
    });
    const [ack] = await gate.submit([{ cause, verdict }], { tenant: 'delta' });
    expect(ack).toMatchObject({
      status: 'invalid',
      code: '403_FORBIDDEN',
      errors: ['the proof has expired'],
    });
    const receipt = verify(ack, cause, 'delta');
    const [again] = await gate.submit([{ cause, verdict }], { tenant: 'delta' });
    expect(again).toMatchObject({ status: 'invalid', receipt });
  });

  it('conflicts with another span of its id, and is shown that one', async () => {
    await newTenant('epsilon');
    const span = spanOf('epsilon', 1);
    await gate.submit([{ cause: span }], { tenant: 'epsilon' });
    const other = spanOf('epsilon', 2, { id: span.span.this });
    const [ack] = await gate.submit([{ cause: other }], { tenant: 'epsilon', language: 'pt-BR' });
    expect(ack).toMatchObject({ status: 'invalid', code: '409_SPAN_EXISTS', http_status: 409 });
    expect(ack?.status === 'invalid' && ack.suggested_reply).toMatch(/novo id/);
    verify(ack, span, 'epsilon');
  });

  it('must name the head of its subject, when it names one', async () => {
    await newTenant('zeta');
    const first = spanOf('zeta', 1);
    await gate.submit([{ cause: first }], { tenant: 'zeta' });
    const [wrong] = await gate.submit([{ cause: spanOf('zeta', 2, { prev: spanOf('zeta', 9).span.this }) }], {
      tenant: 'zeta',
    });
    expect(wrong).toMatchObject({ code: '409_PREV_CONFLICT', current: first.span.this });
    const [right] = await gate.submit([{ cause: spanOf('zeta', 2, { prev: first.span.this }) }], {
      tenant: 'zeta',
    });
    expect(right?.status).toBe('ok');
  });

  it('of an idempotency key that paid for something else is answered with the earlier receipt', async () => {
    await newTenant('eta');
    const caller = (payload: string) => ({
      kind: 'token' as const,
      token: 'tok1',
      idempotency_key: 'order 7',
      payload_hash: `blake3:${payload.repeat(64)}`,
    });
    const span = spanOf('eta', 1);
    await gate.submit([{ cause: span }], { tenant: 'eta', caller: caller('a') });
    const [mismatch] = await gate.submit([{ cause: spanOf('eta', 2) }], {
      tenant: 'eta',
      caller: caller('b'),
    });
    expect(mismatch).toMatchObject({ code: '409_IDEMPOTENCY_CONFLICT', reason: 'payload_mismatch' });
    verify(mismatch, span, 'eta');
    const [same] = await gate.submit([{ cause: span }], { tenant: 'eta', caller: caller('a') });
    expect(same).toMatchObject({ status: 'ok', replayed: true });
  });

  it('of a spent nonce is refused, and the same request again is not', async () => {
    await newTenant('theta');
    const caller = (request: string) => ({
      kind: 'token' as const,
      token: 'tok1',
      key: 'root',
      nonce: 'n1',
      request_hash: `blake3:${request.repeat(64)}`,
    });
    await gate.submit([{ cause: spanOf('theta', 1) }], { tenant: 'theta', caller: caller('a') });
    const [reused] = await gate.submit([{ cause: spanOf('theta', 2) }], {
      tenant: 'theta',
      caller: caller('b'),
    });
    expect(reused).toMatchObject({ code: '409_NONCE_REUSED' });
    const [resent] = await gate.submit([{ cause: spanOf('theta', 3) }], {
      tenant: 'theta',
      caller: caller('a'),
    });
    expect(resent?.status).toBe('ok');
  });

  it('whose verdict is stale goes back to the gate, with its place in the request', async () => {
    await newTenant('iota');
    await gate.submit([{ cause: spanOf('iota', 1), writes: ['kid:root'] }], { tenant: 'iota' });
    const stale = spanOf('iota', 2);
    const fine = spanOf('iota', 3);
    const [ok, none] = await gate.submit([{ cause: fine }, { cause: stale, reads: { 'kid:root': 0 } }], {
      tenant: 'iota',
      waitMs: 300,
    });
    expect(ok?.status).toBe('ok');
    expect(none).toBeUndefined();
    const message = await eventually(() => lastOf(test, STREAMS.submit, SUBMIT_RECHECK));
    const { header, bodies } = parseSubmitEnvelope(message);
    expect(header.requests).toMatchObject([
      { tenant: 'iota', recheck: { min_index: 1, attempt: 1 }, spans: [{ position: 1 }] },
    ]);
    expect(bodies.map((body) => Buffer.from(body))).toEqual([Buffer.from(stale.bytes)]);
  });

  it('is logged in the order in which it was accepted, however many come at once', async () => {
    await newTenant('omega');
    const spans = Array.from({ length: 300 }, (_, nth) => spanOf('omega', nth));
    const answers: Promise<readonly (Ack | undefined)[]>[] = [];
    for (const cause of spans) answers.push(gate.submit([{ cause }], { tenant: 'omega' }));
    const acks = (await Promise.all(answers)).flat();
    expect(acks.map((ack) => ack?.status === 'ok' && ack.receipt.index)).toEqual(
      spans.map((_, at) => at + 1),
    );
  });

  it('of a tenant that was never born is not found', async () => {
    const [ack] = await gate.submit([{ cause: spanOf('nobody', 1) }], { tenant: 'nobody' });
    expect(ack).toMatchObject({ code: '404_NOT_FOUND' });
  });

  it('that nobody waits for any more is not committed', async () => {
    await newTenant('kappa');
    const [ack] = await gate.submit([{ cause: spanOf('kappa', 1) }], { tenant: 'kappa', waitMs: 0 });
    expect(ack === undefined || ('code' in ack && ack.code === '503_UNAVAILABLE')).toBe(true);
    await expect.poll(async () => (await lastFactOf(test, 'kappa'))?.index).toBe(0);
  });
});

describe('garbage on accept.0', () => {
  it('is terminated, answered where it can be, and the ledger goes on', async () => {
    await newTenant('lambda');
    await gate.publish(new Uint8Array([1, 2, 3]));
    await gate.publish(new TextEncoder().encode('{"v":1}'));
    const notASpan = { span: spanOf('lambda', 1).span, bytes: new TextEncoder().encode('{"this":"x"}') };
    const [broken] = await gate.submit([{ cause: notASpan }], { tenant: 'lambda' });
    expect(broken).toMatchObject({ code: '500_INTERNAL' });
    const [foreign] = await gate.submit([{ cause: spanOf('alpha', 7) }], { tenant: 'lambda' });
    expect(foreign).toMatchObject({ code: '500_INTERNAL' });
    const nul = {
      kind: 'token' as const,
      token: 'tok1',
      idempotency_key: 'a\u0000b',
      payload_hash: `blake3:${'a'.repeat(64)}`,
    };
    const [[refused], [ok]] = (await gate.submitAll([
      { spans: [{ cause: spanOf('lambda', 2) }], tenant: 'lambda', caller: nul },
      { spans: [{ cause: spanOf('lambda', 3) }], tenant: 'lambda' },
    ])) as [[Ack], [Ack]]; // one for each request
    expect(refused).toMatchObject({ code: '500_INTERNAL' });
    expect(ok.status).toBe('ok'); // although it shared the envelope
    const { body } = await callStreamInfo(test);
    expect(body).toMatchObject({ num_ack_pending: 0, num_pending: 0 });
  });
});

describe('its doors', () => {
  it('say who leads, and count', async () => {
    const ready = await fetch(`${ledger.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      ready: true,
      state: { 'partition 0': expect.stringMatching(/^leader of epoch \d+$/) },
    });
    const metrics = await (await fetch(`${ledger.url}/metrics`)).text();
    expect(metrics).toMatch(/ledger_leading 1\n/);
    expect(metrics).toMatch(/ledger_outcomes_total\{outcome="replayed"\} [1-9]/);
    expect(metrics).toMatch(/ledger_facts_backlog 0\n/);
  });
});

describe('a tenant whose stored log is damaged', () => {
  it('is signed nothing, and whoever shares its envelopes is served', async () => {
    for (const tenant of ['mu', 'nu', 'xi']) await newTenant(tenant);
    await world.pool('ledger').query(`UPDATE log SET root = sha256(root) WHERE tenant = 'mu'`);
    await ledger.stop();
    ledger = await startLedger(env); // which remembers nothing
    const answers = await gate.submitAll(
      ['nu', 'mu', 'xi', 'mu', 'nu'].map((tenant, at) => ({
        spans: [{ cause: spanOf(tenant, at) }],
        tenant,
      })),
    );
    expect(
      answers.flat().map((ack) => (ack !== undefined && 'code' in ack ? ack.code : ack?.status)),
    ).toEqual(['ok', '500_INTERNAL', 'ok', '500_INTERNAL', 'ok']);
    await callStreamInfo(test);
    await expect.poll(async () => (await lastFactOf(test, 'nu'))?.index).toBe(2);
    expect((await lastFactOf(test, 'mu'))?.index).toBe(0);
  });
});

async function lastOf(nc: NatsConnection, stream: string, subject: string): Promise<Uint8Array> {
  const answer = (
    await nc.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify({ last_by_subj: subject }))
  ).json<{ message?: { data: string } }>();
  if (answer.message === undefined) throw new Error('nothing there yet');
  return Buffer.from(answer.message.data, 'base64');
}

async function callStreamInfo(nc: NatsConnection): Promise<{ body: object }> {
  return await eventually(async () => {
    const body = (await nc.request('$JS.API.CONSUMER.INFO.ACCEPT.ledger-0')).json<{
      num_ack_pending: number;
    }>();
    expect(body.num_ack_pending).toBe(0);
    return { body };
  });
}
