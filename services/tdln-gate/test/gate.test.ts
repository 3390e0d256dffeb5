import { canonicalBytes, parseHex, utf8, verifyObject } from '@logline/canon-sign';
import {
  formatEnvelope,
  GATE_BUCKET,
  inboxPrefix,
  parseSubmitEnvelope,
  STREAMS,
  SUBMIT_CLIENT,
  SUBMIT_RECHECK,
  submitReport,
  submitService,
  type Span,
} from '@logline/contracts';
import { Publisher } from '@logline/jetstream';
import {
  applySpan,
  buildService,
  startService,
  type ServiceProcess,
  deploySpan,
  eventually,
  keyAddSpan,
  proofFor,
  proofSpan,
  RUNNER,
  runnerAddSpan,
  signedSpan,
  startWorld,
  SUBJECT,
  TENANT,
  tenantCreatedSpan,
  testKey,
  type SignedSpan,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Sender } from './gateway-side.ts';
import { StandInLedger } from './stand-in-ledger.ts';

type Env = Readonly<Record<string, string>>;

const RUNNER_USER = 'runner_acme_home';

let world: World;
let env: Env;
let gate: ServiceProcess;
let ledger: StandInLedger;
let verifier: StandInLedger;
let gateway: Sender;
let recheckSender: Sender;
let test: NatsConnection;

beforeAll(async () => {
  buildService('tdln-gate');
  world = await startWorld({ name: 'gate', postgres: false, runners: [{ tenant: TENANT, runner: RUNNER }] });
  const { kid, pub } = testKey('operator');
  env = {
    ...world.env('LOGLINE_GATE', 'tdln-gate', { key: 'tdln-gate' }),
    LOGLINE_GATE_OPERATOR_KEYS_FILE: world.writeFile('operator-keys.json', JSON.stringify([{ kid, pub }])),
    LOGLINE_GATE_LOG_LEVEL: 'info',
    LOGLINE_GATE_SNAPSHOT_EVERY_MS: '100',
  };
  gate = await startService('tdln-gate', env);
  ledger = await StandInLedger.open(world);
  verifier = await StandInLedger.open(world, 'verify');
  gateway = await Sender.as(world, 'gateway');
  recheckSender = await Sender.as(world, 'ledger');
  test = await world.connect('test');
});

afterAll(async () => {
  await gate?.stop();
  await world?.close();
});

/** The number of messages that a queue still holds. */
async function held(stream: string): Promise<number> {
  const reply = await test.request(`$JS.API.STREAM.INFO.${stream}`);
  return reply.json<{ state: { messages: number } }>().state.messages;
}

let tenants = 0;
/** A tenant of its own for each test, with a runner and the facts in. */
async function newTenant(): Promise<string> {
  const tenant = `acme-${++tenants}`;
  const runner = await runnerAddSpan({ tenant, tsMs: Date.now() });
  await ledger.commit(tenant, [tenantCreatedSpan({ tenant, tsMs: Date.now() }).bytes, runner.bytes]);
  return tenant;
}

/** Waits until the gate knows the log up to there. */
async function untilKnown(tenant: string, index: number): Promise<void> {
  await recheckSender.send([applySpan({ tenant, tsMs: Date.now() }).bytes], {
    subject: SUBMIT_RECHECK,
    tenant,
    recheck: { submitted_ms: Date.now(), min_index: index, attempt: 1 },
  });
  await eventually(() => {
    if (
      !ledger.taken.some(
        ({ request, spans }) =>
          request.tenant === tenant && (spans[0]?.judged.reads['tenant'] ?? -1) >= index,
      )
    ) {
      throw new Error(`the gate does not know ${tenant} up to ${index}`);
    }
  });
}

const bodiesOf = (...spans: readonly SignedSpan[]): readonly Uint8Array[] => spans.map((span) => span.bytes);
const parse = (bytes: Uint8Array): Span => JSON.parse(new TextDecoder().decode(bytes));

describe('a request of a client', () => {
  it('founds a tenant when the operator asks, and only then', async () => {
    const birth = tenantCreatedSpan({ tenant: 'newborn', tsMs: Date.now() });
    const trace = await gateway.send([birth.bytes], { tenant: 'newborn', caller: { kind: 'operator' } });
    const { request, spans } = await ledger.requestOf(trace);
    expect(request).toMatchObject({ tenant: 'newborn', caller: { kind: 'operator' }, attempt: 0 });
    expect(spans[0]).toMatchObject({
      judged: { role: 'operator', reads: { tenant: -1 } },
      body: birth.bytes,
      verdict: null,
    });
    const refused = await gateway.send([birth.bytes], { tenant: 'newborn' });
    expect((await ledger.requestOf(refused)).spans[0]?.judged.no).toMatchObject({ reason: 'wrong_door' });
  });

  it('goes to the ledger with what it rests on, and a manifest with its verdict', async () => {
    const tenant = await newTenant();
    await untilKnown(tenant, 1);
    const apply = applySpan({ tenant, tsMs: Date.now() });
    const { spans } = await ledger.requestOf(await gateway.send([apply.bytes], { tenant }));
    const subject = `urn:minicontainer:${tenant}/web`;
    expect(spans[0]?.judged).toMatchObject({
      role: 'client',
      reads: { tenant: 1, 'kid:root': 1, 'token:tok1': 1, [`manifest:${subject}`]: 1 },
      writes: [`manifest:${subject}`, `ref:${apply.ref}`],
    });
    const verdict = parse(spans[0]?.verdict ?? new Uint8Array());
    expect(verdict).toMatchObject({
      intent: 'minicontainer.applied',
      subject,
      ts: apply.span.ts,
      payload: { cause: apply.span.this, ok: true, ref: apply.ref },
    });
    expect(() => verifyObject('span', verdict, parseHex(testKey('tdln-gate').pub))).not.toThrow();
  });

  it('is answered at once where no log could help, span by span, in the language asked for', async () => {
    const tenant = await newTenant();
    const good = applySpan({ tenant, tsMs: Date.now() });
    const old = signedSpan({
      intent: 'deploy.apply',
      subject: `urn:minicontainer:${tenant}/web`,
      payload: {},
      tsMs: Date.now(),
    });
    const acks = gateway.submit([utf8('no json'), utf8('{"b":1,"a":2}'), old.bytes, good.bytes], {
      tenant,
      language: 'pt-BR',
      waitMs: 3000,
    });
    const [first, second, third, fourth] = await acks;
    expect(first).toMatchObject({ status: 'invalid', code: '400_BAD_REQUEST' });
    expect(second).toMatchObject({
      code: '400_BAD_REQUEST',
      details: [{ message: expect.stringContaining('canonical') }],
    });
    expect(third).toMatchObject({
      status: 'need_more',
      missing_fields: ['/payload/ref', '/payload/target'],
      suggested_reply: expect.stringContaining('Acrescente'),
    });
    expect(fourth).toBeUndefined();
    const passed = ledger.taken.find(({ request }) => request.trace === third?.trace_id);
    expect(passed?.spans).toMatchObject([{ judged: { position: 3 }, body: good.bytes }]);
  });

  it('is answered through the ledger where the no rests on knowledge', async () => {
    const tenant = await newTenant();
    await untilKnown(tenant, 1);
    const stranger = applySpan({ tenant, tsMs: Date.now(), key: testKey('stranger') });
    const trace = await gateway.send([stranger.bytes], { tenant });
    expect((await ledger.requestOf(trace)).spans[0]).toMatchObject({
      judged: {
        reads: { tenant: 1, 'kid:stranger': 1 },
        no: { status: 'invalid', code: '422_SIGNATURE_INVALID', trace_id: trace },
      },
    });
  });

  it('with a wallet span goes to the verifier, whole', async () => {
    const tenant = await newTenant();
    const apply = applySpan({ tenant, tsMs: Date.now() });
    await ledger.commitRequest(await ledger.requestOf(await gateway.send([apply.bytes], { tenant })));
    await untilKnown(tenant, 3);
    const subject = `urn:minicontainer:${tenant}/web`;
    const proof = proofFor({ tenant, subject, ref: apply.ref, iatMs: Date.now() });
    const spans = [
      proofSpan({ proof, tenant, tsMs: Date.now() }),
      deploySpan({ ref: apply.ref, subject, tsMs: Date.now() }),
    ];
    const { spans: judged } = await verifier.requestOf(await gateway.send(bodiesOf(...spans), { tenant }));
    expect(judged).toMatchObject([
      { judged: { writes: [`proof:${proof.id}`, `proofs:${subject}`], verdict_length: 0 } },
      { judged: { no: { code: '428_PROOF_REQUIRED' }, reads: { [`proofs:${subject}`]: 3 } } },
    ]);
  });

  it('of a tenant that nobody founded is unknown', async () => {
    const apply = applySpan({ tenant: 'nowhere', tsMs: Date.now() });
    const { spans } = await ledger.requestOf(await gateway.send([apply.bytes], { tenant: 'nowhere' }));
    expect(spans[0]?.judged).toMatchObject({ no: { code: '404_NOT_FOUND' }, reads: { tenant: -1 } });
  });

  it('that nobody waits for any more is dropped', async () => {
    const tenant = await newTenant();
    const apply = applySpan({ tenant, tsMs: Date.now() });
    const late = await recheckSender.send([apply.bytes], {
      subject: SUBMIT_RECHECK,
      tenant,
      waitMs: 1000,
      recheck: { submitted_ms: Date.now() - 60_000, min_index: 0, attempt: 3 },
    });
    await untilKnown(tenant, 1);
    await eventually(async () => expect(await held(STREAMS.submit)).toBe(0));
    expect(ledger.taken.some(({ request }) => request.trace === late)).toBe(false);
  });
});

describe('a request that the ledger sent back', () => {
  it('waits for the facts it needs, keeps its clock and caller, and is judged by them', async () => {
    const tenant = await newTenant();
    const added = testKey('ci');
    const submittedMs = Date.now();
    const apply = applySpan({ tenant, tsMs: submittedMs, key: added, manifest: { key: testKey('root') } });
    const trace = await recheckSender.send([apply.bytes], {
      subject: SUBMIT_RECHECK,
      tenant,
      recheck: { submitted_ms: submittedMs, min_index: 2, attempt: 4 },
    });
    await untilKnown(tenant, 1);
    expect(ledger.taken.some(({ request }) => request.trace === trace)).toBe(false);
    await ledger.commit(tenant, bodiesOf(keyAddSpan({ added, tenant, tsMs: Date.now() })));
    const { request, spans } = await ledger.requestOf(trace);
    expect(request).toMatchObject({
      attempt: 4,
      submitted_ms: submittedMs,
      deadline_ms: submittedMs + 10_000,
      caller: { kind: 'token', token: 'tok1' },
    });
    expect(spans[0]?.judged).toMatchObject({ reads: { 'kid:ci': 2 } });
    expect(spans[0]?.judged.no).toBeUndefined();
  });
});

describe('reports', () => {
  it('of a service and of a runner are taken in their own name, whatever the envelope says', async () => {
    const orchestrator = await Sender.as(world, 'deploy-orchestrator');
    const runner = await Sender.as(world, RUNNER_USER);
    const failed = (key: string, nth: number): SignedSpan =>
      signedSpan({
        intent: 'deploy.failed',
        subject: SUBJECT,
        key: testKey(key),
        tsMs: Date.now(),
        nth,
        payload: { deploy: applySpan({}).span.this, lease: 1, why: 'no_runner', message: 'none' },
      });
    await ledger.commit(
      TENANT,
      bodiesOf(tenantCreatedSpan({ tsMs: Date.now() }), await runnerAddSpan({ tsMs: Date.now() })),
    );
    await untilKnown(TENANT, 1);
    const asService = await orchestrator.send([failed('deploy-orchestrator', 1).bytes], {
      subject: submitService('deploy-orchestrator'),
      caller: { kind: 'operator' },
    });
    const asRunner = await runner.send([failed(`runner-${RUNNER}`, 2).bytes], {
      subject: submitReport(TENANT, RUNNER),
      caller: { kind: 'own', user: 'tdln-gate' },
    });
    const crossed = await runner.send([failed('deploy-orchestrator', 3).bytes], {
      subject: submitReport(TENANT, RUNNER),
    });
    const outcomes = await Promise.all(
      [asService, asRunner, crossed].map((trace) => ledger.requestOf(trace)),
    );
    expect(outcomes.map(({ request }) => request.caller)).toEqual([
      { kind: 'own', user: 'deploy-orchestrator' },
      { kind: 'own', user: RUNNER_USER },
      { kind: 'own', user: RUNNER_USER },
    ]);
    expect(
      outcomes.map(({ spans }) => (spans[0]?.judged.no as { reason?: string } | undefined)?.reason),
    ).toEqual(['deploy_unknown', 'deploy_unknown', 'wrong_door']);
  });

  it('for another tenant, or with an ear in another inbox, are dropped', async () => {
    const runner = await Sender.as(world, RUNNER_USER);
    const subject = submitReport(TENANT, RUNNER);
    const apply = applySpan({ tsMs: Date.now() });
    const traces = [
      await runner.send([apply.bytes], { subject, tenant: 'other' }),
      await runner.send([apply.bytes], { subject, reply: `${inboxPrefix('gateway')}.x.1` }),
      await runner.send([apply.bytes], { subject, reply: '>' }),
      await gateway.send([apply.bytes], { caller: { kind: 'own', user: 'deploy-orchestrator' } }),
    ];
    await eventually(async () => expect(await held(STREAMS.report)).toBe(0));
    await eventually(async () => expect(await held(STREAMS.submit)).toBe(0));
    for (const trace of traces)
      expect(ledger.taken.some(({ request }) => request.trace === trace)).toBe(false);
  });
});

describe('garbage', () => {
  const good = formatEnvelope(
    {
      v: 1,
      requests: [
        {
          trace: 'a'.repeat(32),
          reply: '_INBOX.gateway.a.b',
          tenant: 'acme',
          language: 'en',
          caller: { kind: 'operator' },
          wait_ms: 1000,
          spans: [{ position: 0, length: 2 }],
        },
      ],
    },
    [utf8('{}')],
  );
  const head = (text: string): Uint8Array => Uint8Array.from([0, 0, 0, text.length, ...utf8(text)]);
  const heaps: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', new Uint8Array()],
    ['three bytes', Uint8Array.of(1, 2, 3)],
    ['a length past the end', Uint8Array.of(255, 255, 255, 255, 123)],
    ['a header that is not JSON', head('{nope')],
    ['a header of something else', head('{"v":1,"requests":[]}')],
    ['a header of another version', head('{"v":9}')],
    ['a header that is not UTF-8', Uint8Array.of(0, 0, 0, 2, 0xff, 0xfe)],
    ['bodies cut off', good.subarray(0, good.length - 1)],
    ['bodies too many', Uint8Array.from([...good, 1])],
    ['noise', Uint8Array.from({ length: 2000 }, (_, i) => (i * 7919) % 256)],
  ];

  it.each([
    SUBMIT_CLIENT,
    SUBMIT_RECHECK,
    submitService('deploy-orchestrator'),
    submitService('nobody'),
    submitReport('acme', 'home'),
  ])('on %s is thrown away, and the gate goes on', async (subject) => {
    const publisher = new Publisher(test);
    for (const [, bytes] of heaps) await publisher.publish(subject, bytes);
    await eventually(async () =>
      expect([await held(STREAMS.submit), await held(STREAMS.report)]).toEqual([0, 0]),
    );
    const tenant = await newTenant();
    await untilKnown(tenant, 1);
  });

  it('is told from a request: the test above would throw good ones away too otherwise', () => {
    expect(parseSubmitEnvelope(good).bodies).toHaveLength(1);
  });

  it('among the facts of one tenant stops that tenant and no other', async () => {
    const [bad, fine] = [await newTenant(), await newTenant()];
    await untilKnown(bad, 1);
    const damaged = canonicalBytes({
      ...parse(applySpan({ tenant: bad }).bytes),
      subject: `urn:minicontainer:${fine}/web`,
    });
    await ledger.commit(bad, [damaged]).catch(() => undefined);
    const acks = await eventually(async () => {
      const [ack] = await gateway.submit([applySpan({ tenant: bad, tsMs: Date.now() }).bytes], {
        tenant: bad,
        waitMs: 200,
      });
      expect(ack).toMatchObject({ code: '503_UNAVAILABLE', http_status: 503 });
      return ack;
    });
    expect(acks).toBeDefined();
    await untilKnown(fine, 1);
    const ready = await fetch(`${gate.url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining('1 broken')]);
  });
});

describe('starting again', () => {
  let tenant: string;
  beforeEach(async () => {
    tenant = await newTenant();
    await untilKnown(tenant, 1);
  });
  const knownAt = ({ lines }: ServiceProcess): unknown =>
    lines.find(({ msg }) => msg === 'the facts are known')?.['from'];

  it('after SIGTERM goes on from what was saved', async () => {
    expect(await gate.stop()).toBe(0);
    gate = await startService('tdln-gate', env);
    expect(knownAt(gate)).toBeGreaterThan(1);
    await untilKnown(tenant, 1);
  });

  it('after kill -9 knows everything, and takes up what was under way', async () => {
    await gate.kill();
    const added = testKey('late');
    await ledger.commit(tenant, bodiesOf(keyAddSpan({ added, tenant, tsMs: Date.now() })));
    const apply = applySpan({ tenant, tsMs: Date.now(), key: added, manifest: { key: testKey('root') } });
    const trace = await gateway.send([apply.bytes], { tenant });
    gate = await startService('tdln-gate', env);
    const { spans } = await ledger.requestOf(trace);
    expect(spans[0]?.judged.no).toBeUndefined();
    expect(spans[0]?.judged.reads).toMatchObject({ 'kid:late': 2 });
  });

  it.each([
    ['damaged', utf8('garbage')],
    ['emptied', new Uint8Array()],
  ])('with a snapshot that was %s folds the facts from the beginning', async (_how, bytes) => {
    await gate.stop();
    await new Publisher(test).publish(`$KV.${GATE_BUCKET}.tenant.${tenant}.0`, bytes);
    gate = await startService('tdln-gate', env);
    expect(knownAt(gate)).toBe(1);
    await untilKnown(tenant, 1);
  });

  it('with a position that is ahead of the snapshots reads everything again', async () => {
    await gate.stop();
    await ledger.commit(tenant, bodiesOf(keyAddSpan({ added: testKey('x1'), tenant, tsMs: Date.now() })));
    await new Publisher(test).publish(
      `$KV.${GATE_BUCKET}.position`,
      utf8(JSON.stringify({ v: 1, sequence: 1_000_000 })),
    );
    gate = await startService('tdln-gate', env);
    await expect(untilKnown(tenant, 2)).resolves.toBeUndefined();
  });

  it('of NATS loses nothing that is known', async () => {
    await world.nats.restart();
    await eventually(
      async () => {
        const ready = await fetch(`${gate.url}/readyz`);
        expect(ready.status).toBe(200);
      },
      { withinMs: 30_000 },
    );
    await untilKnown(tenant, 1);
    const index = await ledger.commit(
      tenant,
      bodiesOf(keyAddSpan({ added: testKey('x2'), tenant, tsMs: Date.now() })),
    );
    await untilKnown(tenant, index);
  });

  it.each<[string, () => Env, string]>([
    ['an unknown key', () => ({ LOGLINE_GATE_COLOUR: 'red' }), 'LOGLINE_GATE_COLOUR'],
    [
      'a number that is none',
      () => ({ LOGLINE_GATE_SNAPSHOT_EVERY_MS: 'often' }),
      'LOGLINE_GATE_SNAPSHOT_EVERY_MS',
    ],
    ['a file that is not there', () => ({ LOGLINE_GATE_KEY_FILE: '/nowhere' }), 'LOGLINE_GATE_KEY_FILE'],
    ['no NATS', () => ({ LOGLINE_GATE_NATS_URL: '' }), 'LOGLINE_GATE_NATS_URL'],
    [
      'operator keys that are none',
      () => ({ LOGLINE_GATE_OPERATOR_KEYS_FILE: world.writeFile('bad.json', '[{"kid":1}]') }),
      'operator keys',
    ],
  ])('with %s in its configuration is refused', async (_what, changes, told) => {
    await expect(startService('tdln-gate', { ...env, ...changes() })).rejects.toThrow(told);
  });
});
