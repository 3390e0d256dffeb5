import { spanIdFromCause } from '@logline/canon-sign';
import {
  formatInstant,
  storedFactsOf,
  submitReport,
  submitService,
  type Ack,
  type Span,
} from '@logline/contracts';
import { followFacts } from '@logline/jetstream';
import { emptyKnowledge, fold, specHash, verifyFact, type Knowledge } from '@logline/tdln';
import {
  applySpan,
  buildService,
  deploySpan,
  eventually,
  keyAddSpan,
  keyRevokeSpan,
  manifestFor,
  migrateService,
  proofFor,
  proofSpan,
  RUNNER,
  runnerAddSpan,
  signedSpan,
  startService,
  startWorld,
  stopSpan,
  SUBJECT,
  TENANT,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type ServiceProcess,
  type SignedSpan,
  type World,
} from '@logline/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sender, type Wishes } from './gateway-side.ts';

/** Gate, wallet-verifier and ledger as they run, on a real nats-server and a real PostgreSQL. */
let world: World;
const services = new Map<string, ServiceProcess>();
const envs = new Map<string, Readonly<Record<string, string>>>();
let gateway: Sender;

beforeAll(async () => {
  for (const name of ['tdln-gate', 'wallet-verifier', 'ledger']) buildService(name);
  world = await startWorld({ name: 'write-path', runners: [{ tenant: TENANT, runner: RUNNER }] });
  const { kid, pub } = testKey('operator');
  const info = { LOG_LEVEL: 'info' };
  const operatorKeys = world.writeFile('operator-keys.json', JSON.stringify([{ kid, pub }]));
  envs.set(
    'ledger',
    world.env('LOGLINE_LEDGER', 'ledger', {
      role: 'ledger',
      key: 'log',
      more: { ORIGIN: TEST_ORIGIN, ...info },
    }),
  );
  envs.set(
    'wallet-verifier',
    world.env('LOGLINE_VERIFIER', 'wallet-verifier', { key: 'wallet-verifier', more: info }),
  );
  envs.set(
    'tdln-gate',
    world.env('LOGLINE_GATE', 'tdln-gate', {
      key: 'tdln-gate',
      more: { OPERATOR_KEYS_FILE: operatorKeys, ...info },
    }),
  );
  migrateService('ledger', envs.get('ledger') ?? {});
  await Promise.all([...envs.keys()].map(start));
  gateway = await Sender.as(world, 'gateway');
});

afterAll(async () => {
  await Promise.all([...services.values()].map((service) => service.stop()));
  await world?.close();
});

async function start(name: string): Promise<void> {
  services.set(name, await startService(name, envs.get(name) ?? {}));
}

async function say(span: SignedSpan, wishes: Wishes = {}): Promise<Ack> {
  const [ack] = await gateway.submit([span.bytes], wishes);
  if (ack === undefined) throw new Error(`no ack for ${span.span.intent}`);
  return ack;
}

async function ok(span: SignedSpan, wishes: Wishes = {}): Promise<number> {
  const ack = await say(span, wishes);
  if (ack.status !== 'ok') throw new Error(`refused: ${JSON.stringify(ack)}`);
  return ack.receipt.index;
}

const now = (): { tsMs: number } => ({ tsMs: Date.now() });
let proofs = 0;
const permit = (ref: string | undefined, more: object = {}): SignedSpan => {
  const intent = ref === undefined ? 'deploy.stop' : 'deploy.allow';
  return proofSpan({
    proof: proofFor({ id: `p${++proofs}`, ref, intent, iatMs: Date.now(), ...more }),
    ...now(),
  });
};
let nth = 0;
const deploy = (ref: string, more: object = {}): SignedSpan =>
  deploySpan({ ref, nth: ++nth, ...now(), ...more });

describe('the write path', () => {
  let ref: string;

  it('carries a tenant from its birth to an applied manifest, the verdict with it', async () => {
    expect(await ok(tenantCreatedSpan(now()), { caller: { kind: 'operator' } })).toBe(0);
    expect(await ok(await runnerAddSpan(now()))).toBe(1);
    const apply = applySpan(now());
    ({ ref } = apply);
    const ack = await say(apply);
    expect(ack).toMatchObject({
      status: 'ok',
      receipt: { index: 2 },
      verdict: { intent: 'minicontainer.applied', payload: { ok: true, ref } },
    });
  });

  it('asks for a proof, and takes the deploy right after it: nobody sleeps or polls', async () => {
    expect(await say(deploy(ref))).toMatchObject({
      status: 'invalid',
      code: '428_PROOF_REQUIRED',
      http_status: 428,
    });
    for (let i = 0; i < 5; i++) {
      const ack = await say(permit(ref));
      expect(ack).toMatchObject({
        status: 'ok',
        verdict: { intent: 'wallet.proof.verified', payload: { decision: 'allow' } },
      });
      await ok(deploy(ref));
    }
    expect(await say(deploy(ref))).toMatchObject({ code: '428_PROOF_REQUIRED' });
  });

  it('keeps the order inside one request: apply, prove, deploy', async () => {
    const { manifest, ref: next } = manifestFor({ version: '2', tsMs: Date.now() });
    const apply = signedSpan({
      intent: 'minicontainer.apply',
      subject: SUBJECT,
      payload: { manifest },
      ...now(),
    });
    const acks = await gateway.submit([apply.bytes, permit(next).bytes, deploy(next).bytes]);
    expect(acks.map((ack) => ack?.status)).toEqual(['ok', 'ok', 'ok']);
  });

  it('lets deploys that race for one proof spend it once', async () => {
    await ok(permit(ref));
    const acks = await Promise.all([1, 2, 3, 4, 5, 6].map(() => say(deploy(ref))));
    const statuses = acks.map((ack) => (ack.status === 'ok' ? 'ok' : ack.code)).sort();
    expect(statuses).toEqual([
      '428_PROOF_REQUIRED',
      '428_PROOF_REQUIRED',
      '428_PROOF_REQUIRED',
      '428_PROOF_REQUIRED',
      '428_PROOF_REQUIRED',
      'ok',
    ]);
  });

  it('logs a denied proof, and says why', async () => {
    const old = proofSpan({
      proof: proofFor({ id: 'old', ref, iatMs: Date.now() - 900_000, lastsMs: 800_000 }),
      ...now(),
    });
    const ack = await say(old);
    expect(ack).toMatchObject({ status: 'invalid', code: '403_FORBIDDEN', receipt: { this: old.span.this } });
    expect(JSON.stringify(ack)).toContain('expired');
  });

  it('refuses a key from the moment its revocation is acknowledged, and its unspent proofs', async () => {
    const ci = testKey('ci');
    await ok(keyAddSpan({ added: ci, ...now() }));
    await ok(permit(ref, { key: ci, aud: ['root'] }));
    const refused = deploy(ref, { key: ci });
    await ok(keyRevokeSpan({ kid: 'ci', ...now() }));
    expect(await say(refused)).toMatchObject({ code: '403_FORBIDDEN', reason: 'kid_revoked' });
    expect(await say(deploy(ref))).toMatchObject({ code: '428_PROOF_REQUIRED' });
  });

  it('hears the orchestrator and the runner of the plan, in order, and nobody else', async () => {
    const orchestrator = await Sender.as(world, 'deploy-orchestrator');
    const runner = await Sender.as(world, `runner_${TENANT}_${RUNNER}`);
    await ok(permit(ref));
    const asked = deploy(ref);
    const lease = await ok(asked);
    const by = testKey(`runner-${RUNNER}`);
    const { manifest } = manifestFor();
    const target = { provider: 'docker' };
    const told = { deploy: asked.span.this, lease, runner: RUNNER };
    const plan = signedSpan({
      intent: 'deploy.planned',
      subject: SUBJECT,
      key: testKey('deploy-orchestrator'),
      ...now(),
      payload: {
        ...told,
        action: 'apply',
        ref,
        target,
        deadline: formatInstant(Date.now() + 60_000),
        spec_hash: '',
      },
    });
    const { spec_hash: _, ...planned } = { ...plan.span.payload };
    const applied = await currentManifest(ref);
    const good = signedSpan({
      intent: 'deploy.planned',
      subject: SUBJECT,
      key: testKey('deploy-orchestrator'),
      ...now(),
      payload: { ...planned, spec_hash: specHash(ref, applied ?? manifest.deploy, target) },
    });
    const asService = { subject: submitService('deploy-orchestrator') };
    const asRunner = { subject: submitReport(TENANT, RUNNER) };
    const report = (intent: string, payload: object): SignedSpan =>
      signedSpan({ intent, subject: SUBJECT, key: by, ...now(), payload: { ...told, ref, ...payload } });
    const run = { provider: 'docker', node: 'n1' };
    const appliedReport = report('deploy.applied', { action: 'apply' });
    expect((await runner.submit([appliedReport.bytes], asRunner))[0]).toMatchObject({
      code: '403_FORBIDDEN',
    });
    expect((await orchestrator.submit([plan.bytes], asService))[0]).toMatchObject({
      code: '422_SCHEMA_INVALID',
    });
    expect((await orchestrator.submit([good.bytes], asService))[0]).toMatchObject({ status: 'ok' });
    expect((await runner.submit([report('run_state.running', run).bytes], asRunner))[0]).toMatchObject({
      reason: 'step_out_of_order',
    });
    // all at once, as a journal that was offline sends them
    const reports = [
      appliedReport,
      report('run_state.pending', run),
      report('run_state.running', run),
      report('run_state.exited', { ...run, exit_code: 0 }),
    ];
    const acks = await runner.submit(
      reports.map((one) => one.bytes),
      asRunner,
    );
    expect(acks.map((ack) => ack?.status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect((await runner.submit([report('run_state.failed', run).bytes], asRunner))[0]).toMatchObject({
      code: '404_NOT_FOUND',
    });
  });

  it.each(['tdln-gate', 'wallet-verifier', 'ledger'])(
    'goes on after kill -9 of %s in the middle of traffic',
    async (name) => {
      const answers = Array.from({ length: 8 }, () =>
        gateway.submit([permit(ref).bytes], { waitMs: 20_000 }),
      );
      await services.get(name)?.kill();
      await start(name);
      await Promise.all(answers);
      // whatever became of those: a proof and its deploy go through, and within a client's patience
      await eventually(
        async () => {
          expect(await ok(permit(ref), { waitMs: 3000 })).toBeGreaterThan(0);
          expect(await ok(deploy(ref), { waitMs: 3000 })).toBeGreaterThan(0);
        },
        { withinMs: 30_000 },
      );
    },
  );

  it('wrote a log that a reader who trusts nobody accepts, fact by fact', async () => {
    await ok(permit(undefined));
    await ok(stopSpan({ ...now() }));
    const verdicts: Span[] = [];
    const knowledge = await readAll(verdicts);
    expect(verdicts.length).toBeGreaterThan(8);
    for (const verdict of verdicts) {
      const id = spanIdFromCause(
        Date.parse(verdict.ts),
        String(verdict.payload?.['cause']),
        'wallet-verifier',
        verdict.intent,
      );
      expect(verdict.this).toBe(id);
    }
    expect(knowledge.index).toBeGreaterThan(30);
    expect(knowledge.containers.get(SUBJECT)?.deploys.size).toBeGreaterThan(3);
  });
});

/** The deploy section of an applied manifest, as the log has it. */
async function currentManifest(
  ref: string,
): Promise<ReturnType<typeof manifestFor>['manifest']['deploy'] | undefined> {
  return (await readAll()).containers.get(SUBJECT)?.manifests.get(ref)?.manifest.deploy;
}

/** Every fact verified by the runner's rules from the pinned root key, then folded. */
async function readAll(verdicts: Span[] = []): Promise<Knowledge> {
  const nc = await world.connect('test');
  const knowledge = emptyKnowledge(TENANT);
  const root = { kid: 'root', pub: testKey('root').pub };
  const failed = Promise.withResolvers<void>();
  const following = await followFacts(nc, {
    filter: storedFactsOf(TENANT),
    fromSequence: 1,
    onFact: ({ bytes, place }) => {
      const span: Span = JSON.parse(new TextDecoder().decode(bytes));
      const fact = { span, index: place.index, timeMs: place.timeMs };
      verifyFact(fact, knowledge, { root });
      fold(knowledge, fact);
      if (span.intent === 'wallet.proof.verified') verdicts.push(span);
    },
    onFatal: failed.reject,
  });
  try {
    await Promise.race([following.caughtUp, failed.promise]);
  } finally {
    await following.stop();
  }
  return knowledge;
}
