import {
  CONSUMERS,
  STREAMS,
  type DeployFailed,
  type DeployPlanned,
  type DeploySpec,
} from '@logline/contracts';
import { callApi, PARKED_HEADERS, publishFacts, toFactMessage } from '@logline/jetstream';
import { query, type Pool } from '@logline/postgres';
import { fold, specHash } from '@logline/tdln';
import {
  applySpan,
  buildService,
  deploySpan,
  eventually,
  manifestFor,
  migrateService,
  runnerAddSpan,
  signedSpan,
  startService,
  startWorld,
  stopSpan,
  tenantCreatedSpan,
  testKey,
  type ServiceProcess,
  type TestFact,
  type World,
} from '@logline/testing';
import { MsgHdrsImpl, type NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GateAndLedger } from './gate-and-ledger.ts';

const docker = { provider: 'docker' };
let world: World;
let nc: NatsConnection;
let pool: Pool;
let env: Readonly<Record<string, string>>;
let system: GateAndLedger;
let running: ServiceProcess[] = [];

beforeAll(async () => {
  buildService('deploy-orchestrator');
  world = await startWorld({ name: 'orchestrator' });
  nc = await world.connect('test');
  pool = world.pool('orchestrator');
  env = {
    ...world.env('LOGLINE_ORCHESTRATOR', 'deploy-orchestrator', {
      role: 'orchestrator',
      key: 'deploy-orchestrator',
    }),
    LOGLINE_ORCHESTRATOR_LOG_LEVEL: 'info',
  };
  migrateService('deploy-orchestrator', env);
  system = new GateAndLedger(nc);
});
afterAll(async () => {
  await system.close();
  await world.close();
});
beforeEach(() => {
  system.answers = () => true;
  system.commits = () => true;
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.kill()));
  running = [];
  await freeLease();
});

async function start(): Promise<ServiceProcess> {
  const one = await startService('deploy-orchestrator', env);
  running.push(one);
  return one;
}

/** As time would. */
async function freeLease(): Promise<void> {
  await query(pool, 'update lease set until = clock_timestamp()');
}

/** A tenant with a runner and an applied manifest; what a deploy of it names. */
async function newTenant(
  tenant: string,
  { deploy = {}, hasRunner = true }: { deploy?: Partial<DeploySpec>; hasRunner?: boolean } = {},
): Promise<{
  readonly tenant: string;
  readonly subject: string;
  readonly ref: string;
  readonly spec: DeploySpec;
}> {
  const subject = `urn:minicontainer:${tenant}/web`;
  const apply = applySpan({ tenant, manifest: { tenant, deploy } });
  const applied = signedSpan({
    intent: 'minicontainer.applied',
    subject,
    key: testKey('tdln-gate'),
    payload: { kind: 'minicontainer/applied.v1', cause: apply.span.this, ok: true, ref: apply.ref },
  });
  await system.commit(tenant, [
    tenantCreatedSpan({ tenant }),
    ...(hasRunner ? [await runnerAddSpan({ tenant })] : []),
    apply,
    applied,
  ]);
  return { tenant, subject, ref: apply.ref, spec: manifestFor({ tenant, deploy }).manifest.deploy };
}

type Tenant = Awaited<ReturnType<typeof newTenant>>;

async function askDeploy(
  { tenant, subject, ref }: Tenant,
  { timeoutMs, nth = 0 }: { timeoutMs?: number; nth?: number } = {},
): Promise<TestFact> {
  const { payload } = deploySpan({ ref, subject, tenant }).span;
  const span = signedSpan({
    intent: 'deploy.apply',
    subject,
    nth,
    payload: { ...payload, ...(timeoutMs === undefined ? {} : { options: { timeout_ms: timeoutMs } }) },
  });
  return first(await system.commit(tenant, [span]));
}

async function askStop({ tenant, subject }: Tenant, nth: number = 0): Promise<TestFact> {
  return first(await system.commit(tenant, [stopSpan({ subject, tenant, nth })]));
}

async function report({ tenant, subject, ref }: Tenant, of: TestFact, intent: string): Promise<void> {
  const payload = {
    deploy: of.span.this,
    lease: of.place.index,
    runner: 'home',
    ref,
    provider: 'docker',
    node: 'laptop',
  };
  await system.commit(tenant, [signedSpan({ intent, subject, key: testKey('runner-home'), payload })]);
}

function first(facts: readonly TestFact[]): TestFact {
  const [fact] = facts;
  if (fact === undefined) throw new Error('nothing was committed');
  return fact;
}

const plans = (tenant: string): readonly DeployPlanned[] =>
  system.facts(tenant, 'deploy.planned').map(({ span }) => span.payload as DeployPlanned); // the gate has checked it
const failures = (tenant: string): readonly DeployFailed[] =>
  system.facts(tenant, 'deploy.failed').map(({ span }) => span.payload as DeployFailed); // same

/** The orchestrator has folded in all that the log holds. */
async function untilFollowed(tenant: string): Promise<void> {
  await eventually(
    async () => {
      const [row] = await query<{ idx: number }>(pool, 'select idx from position where tenant = $1', [
        tenant,
      ]);
      expect(row?.idx).toBe(system.logOf(tenant).log.facts.length - 1);
    },
    { withinMs: 20_000 },
  );
}

async function parkedReasons(): Promise<readonly string[]> {
  const { state } = (await callApi(nc, `STREAM.INFO.${STREAMS.parked}`, undefined)) as {
    state: { messages: number; first_seq: number; last_seq: number };
  };
  const reasons: string[] = [];
  for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
    const { message } = (await callApi(nc, `STREAM.MSG.GET.${STREAMS.parked}`, { seq })) as {
      message: { hdrs: string };
    };
    reasons.push(MsgHdrsImpl.decode(Buffer.from(message.hdrs, 'base64')).get(PARKED_HEADERS.reason));
  }
  return reasons;
}

describe('the orchestrator', () => {
  it('answers a deploy with exactly one plan, whatever is delivered again', async () => {
    const orchestrator = await start();
    const acme = await newTenant('acme');
    const deploy = await askDeploy(acme);
    await eventually(() => expect(plans('acme')).toHaveLength(1));
    expect(plans('acme')).toEqual([
      {
        deploy: deploy.span.this,
        action: 'apply',
        ref: acme.ref,
        target: docker,
        runner: 'home',
        lease: deploy.place.index,
        deadline: new Date(deploy.place.timeMs + 120_000).toISOString(),
        spec_hash: specHash(acme.ref, acme.spec, docker),
      },
    ]);
    await untilFollowed('acme');
    // all facts once more, under other message ids
    await publishFacts(
      nc,
      system.logOf('acme').log.facts.map(({ message }) => ({ ...message, msgId: `again:${message.msgId}` })),
    );
    await report(acme, deploy, 'run_state.running');
    await untilFollowed('acme');
    expect(plans('acme')).toHaveLength(1);
    expect(failures('acme')).toEqual([]);
    expect([...system.asked.values()].map((bytes) => bytes.length)).toEqual([1]);
    expect(await orchestrator.readyz()).toMatchObject({
      ready: true,
      checks: { nats: 'ok', consumer: 'ok', postgresql: 'ok' },
      state: { role: expect.stringContaining('leader'), 'stuck logs': 'none' },
    });
    expect(await orchestrator.metric('orchestrator_behind_facts')).toBe(0);
    expect(await orchestrator.metric('orchestrator_reactions_total')).toBe(1);
    expect(await orchestrator.metric('orchestrator_waiting_deadlines')).toBe(0);
    expect(await orchestrator.stop()).toBe(0);
  });

  it('makes the same plan, byte for byte, when it is killed while it waits for the receipt', async () => {
    system.answers = (_, nth) => nth >= 2;
    system.commits = (span) => (system.asked.get(span.this)?.length ?? 0) > 1;
    const tenant = await newTenant('killed');
    const deploy = await askDeploy(tenant);
    const asked = (): readonly string[] =>
      [...system.asked.values()].find(([hex]) => Buffer.from(hex ?? '', 'hex').includes(deploy.span.this)) ??
      [];
    for (let kills = 1; kills <= 2; kills++) {
      const orchestrator = await start();
      // the first time nothing was committed, the second time only the answer was lost
      await eventually(() => expect(asked()).toHaveLength(kills), { withinMs: 20_000 });
      await orchestrator.kill();
      await freeLease();
    }
    expect(plans('killed')).toHaveLength(1);
    await start();
    await untilFollowed('killed');
    expect(asked().length).toBeGreaterThanOrEqual(3);
    expect(new Set(asked()).size).toBe(1);
    expect(plans('killed')).toHaveLength(1);
  });

  it('asks again with the same bytes when nobody answers', async () => {
    const tenant = await newTenant('silent');
    system.answers = (_, nth) => nth >= 1;
    system.commits = () => false;
    await start();
    const deploy = await askDeploy(tenant);
    await eventually(() => expect(plans('silent')).toHaveLength(1), { withinMs: 30_000 });
    const [asked] = [...system.asked.values()].filter(([hex]) =>
      Buffer.from(hex ?? '', 'hex').includes(deploy.span.this),
    );
    expect(asked?.length).toBe(2);
    expect(new Set(asked).size).toBe(1);
  });

  it('fails what does not run by its deadline, once, also when it was down at that moment', async () => {
    const slow = await newTenant('slow');
    const quick = await newTenant('quick');
    const orchestrator = await start();
    const missed = await askDeploy(slow, { timeoutMs: 2_000 });
    const met = await askDeploy(quick, { timeoutMs: 2_000 });
    await untilFollowed('slow');
    await report(quick, met, 'run_state.pending');
    await report(quick, met, 'run_state.running');
    await untilFollowed('quick');
    await orchestrator.kill();
    await freeLease();
    await eventually(() => expect(Date.now()).toBeGreaterThan(missed.place.timeMs + 2_000));
    await start();
    await eventually(() => expect(failures('slow')).toHaveLength(1), { withinMs: 20_000 });
    expect(failures('slow')).toMatchObject([
      { why: 'timed_out', lease: missed.place.index, deploy: missed.span.this, runner: 'home' },
    ]);
    await untilFollowed('slow');
    // while it is up as well
    const again = await askDeploy(slow, { timeoutMs: 1_000, nth: 1 });
    await eventually(() => expect(failures('slow')).toHaveLength(2), { withinMs: 20_000 });
    expect(failures('slow').at(-1)).toMatchObject({ why: 'timed_out', lease: again.place.index });
    await untilFollowed('slow');
    expect(failures('quick')).toEqual([]);
  });

  it('supersedes what does not run yet, and leaves to the runner what does', async () => {
    await start();
    const tenant = await newTenant('newer');
    // at once: the second comes before the first one's plan is back
    const [one, two] = await system.commit(
      tenant.tenant,
      [
        deploySpan({ ref: tenant.ref, subject: tenant.subject, tenant: 'newer' }),
        deploySpan({ ref: tenant.ref, subject: tenant.subject, tenant: 'newer', nth: 1 }),
      ],
      Date.now(),
    );
    await eventually(() => expect(plans('newer')).toHaveLength(2));
    await untilFollowed('newer');
    expect(failures('newer')).toMatchObject([{ why: 'superseded', lease: one?.place.index }]);
    expect(
      system
        .logOf('newer')
        .log.facts.slice(-3)
        .map(({ span }) => span.intent),
    ).toEqual(['deploy.planned', 'deploy.failed', 'deploy.planned']);
    if (two === undefined) throw new Error('no second deploy');
    await report(tenant, two, 'run_state.pending');
    await report(tenant, two, 'run_state.running');
    const three = await askDeploy(tenant, { nth: 2 });
    await eventually(() => expect(plans('newer')).toHaveLength(3));
    await untilFollowed('newer');
    expect(plans('newer').at(-1)?.lease).toBe(three.place.index);
    expect(failures('newer')).toHaveLength(1);
  });

  it('plans a stop for the runner that holds the run, and says when there is nothing to stop', async () => {
    await start();
    const tenant = await newTenant('stopping');
    const early = await askStop(tenant);
    await eventually(() => expect(failures('stopping')).toHaveLength(1));
    expect(failures('stopping')).toMatchObject([{ why: 'not_running', lease: early.place.index }]);
    const deploy = await askDeploy(tenant);
    // at once: before the plan is back
    const stop = await askStop(tenant, 1);
    await eventually(() => expect(plans('stopping')).toHaveLength(2));
    expect(plans('stopping')).toMatchObject([
      { action: 'apply', lease: deploy.place.index },
      {
        action: 'stop',
        lease: stop.place.index,
        ref: tenant.ref,
        runner: 'home',
        spec_hash: specHash(tenant.ref, tenant.spec, docker),
      },
    ]);
    await untilFollowed('stopping');
  });

  it('says why a deploy can be placed nowhere', async () => {
    await start();
    const alone = await newTenant('alone', { hasRunner: false });
    const privileged = await newTenant('privileged', {
      deploy: { security: { privileged: true }, targets: [docker] },
    });
    await askDeploy(alone);
    await askDeploy(privileged);
    await eventually(() => expect([...failures('alone'), ...failures('privileged')]).toHaveLength(2));
    expect(failures('alone')).toMatchObject([
      { why: 'no_runner', message: expect.stringContaining('logline runner add') },
    ]);
    expect(failures('privileged')).toMatchObject([
      { why: 'unsupported', message: expect.stringContaining('/deploy/security/privileged') },
    ]);
    expect([...plans('alone'), ...plans('privileged')]).toEqual([]);
  });

  it('ends a deploy whose runner was removed before its plan, and goes on', async () => {
    const tenant = await newTenant('removed');
    const deploy = await askDeploy(tenant);
    // the gate knows of this before the orchestrator comes to the deploy
    await system.commit('removed', [
      signedSpan({
        intent: 'registry.runner.remove',
        subject: 'urn:tenant:removed',
        payload: { kind: 'registry/runner-removal.v1', runner: 'home' },
      }),
    ]);
    await start();
    await eventually(() => expect(failures('removed')).toHaveLength(1));
    expect(failures('removed')).toMatchObject([{ why: 'no_runner', lease: deploy.place.index }]);
    await untilFollowed('removed');
    const again = await askDeploy(tenant, { nth: 1 });
    await eventually(() => expect(failures('removed')).toHaveLength(2));
    expect(failures('removed').at(-1)).toMatchObject({ why: 'no_runner', lease: again.place.index });
    expect(plans('removed')).toEqual([]);
  });

  it('parks a fact that is garbage and leaves aside what waits behind it in its log; other logs go on', async () => {
    const orchestrator = await start();
    const bad = await newTenant('bad');
    const good = await newTenant('good');
    await untilFollowed('bad');
    const { log } = system.logOf('bad');
    const [spoilt] = log.append(
      [deploySpan({ ref: bad.ref, subject: bad.subject, tenant: 'bad' })],
      Date.now(),
    );
    const [behind] = log.append(
      [deploySpan({ ref: bad.ref, subject: bad.subject, tenant: 'bad', nth: 1 })],
      Date.now(),
    );
    if (spoilt === undefined || behind === undefined) throw new Error('nothing was appended');
    await publishFacts(nc, [
      toFactMessage(spoilt.span, Buffer.from('{"garbage":'), spoilt.place),
      behind.message,
    ]);
    await nc.request('fact.deploy.planned.nobody.web', 'no headers at all');
    await askDeploy(good);
    await eventually(() => expect(plans('good')).toHaveLength(1));
    await eventually(async () =>
      expect(await parkedReasons()).toEqual([
        expect.stringContaining('it is not JSON'),
        expect.stringContaining('BAD_HEADERS'),
      ]),
    );
    expect(plans('bad')).toEqual([]);
    expect(await orchestrator.metric('orchestrator_stuck_logs')).toBe(1);
    expect((await orchestrator.readyz()).state['stuck logs']).toContain('bad');
  });

  it('looks only at the place of a fact whose intent says nothing to it', async () => {
    await start();
    const tenant = await newTenant('beyond');
    await untilFollowed('beyond');
    const { log, knowledge } = system.logOf('beyond');
    const [unread] = log.append(
      [
        signedSpan({
          intent: 'registry.log.publish',
          subject: tenant.subject,
          key: testKey('client'),
          payload: { log: 'published' },
        }),
      ],
      Date.now(),
    );
    if (unread === undefined) throw new Error('nothing was appended');
    fold(knowledge, { span: unread.span, ...unread.place });
    await publishFacts(nc, [toFactMessage(unread.span, Buffer.from('a later version'), unread.place)]);
    await askDeploy(tenant);
    // parked, it would keep the deploy behind it waiting
    await eventually(() => expect(plans('beyond')).toHaveLength(1));
  });

  it('lets one lead; another one takes over when that one is killed', async () => {
    const one = await start();
    await eventually(async () => expect((await one.readyz()).state['role']).toContain('leader'));
    const two = await start();
    expect(await two.readyz()).toMatchObject({ ready: true, state: { role: 'standby' } });
    const tenant = await newTenant('two');
    await askDeploy(tenant);
    await eventually(() => expect(plans('two')).toHaveLength(1));
    expect(await two.metric('orchestrator_facts_total')).toBeUndefined();
    await one.kill();
    await askDeploy(tenant, { nth: 1 });
    await eventually(() => expect(plans('two')).toHaveLength(2), { withinMs: 20_000 });
    expect((await two.readyz()).state['role']).toContain('leader');
  });

  it('goes on when nats-server and PostgreSQL were killed', async () => {
    await start();
    const tenant = await newTenant('restart');
    await askDeploy(tenant);
    await untilFollowed('restart');
    await world.nats.kill();
    await world.nats.start();
    await world.postgres.kill();
    await world.postgres.start();
    await world.nats.restart();
    await askDeploy(tenant, { nth: 1 });
    await eventually(() => expect(plans('restart')).toHaveLength(2), { withinMs: 40_000 });
    await untilFollowed('restart');
  });

  it('rebuilds equal tables from the facts, and says nothing new while it does', async () => {
    const tables = async (): Promise<unknown> => ({
      position: await query(pool, `select * from position where tenant <> 'bad' order by tenant`),
      container: await query(pool, 'select * from container order by tenant, subject'),
      blueprint: await query(pool, 'select * from blueprint order by tenant, ref'),
      runner: await query(pool, 'select * from runner order by tenant, runner'),
    });
    const first = await start();
    const tenant = await newTenant('rebuilt');
    await askDeploy(tenant, { timeoutMs: 3_600_000 });
    await askDeploy(tenant, { timeoutMs: 3_600_000, nth: 1 });
    const deploy = await askDeploy(tenant, { nth: 2 });
    await eventually(() => expect(plans('rebuilt')).toHaveLength(3));
    await report(tenant, deploy, 'run_state.pending');
    await report(tenant, deploy, 'run_state.running');
    await askStop(tenant);
    await eventually(() => expect(plans('rebuilt')).toHaveLength(4));
    await untilFollowed('rebuilt');
    await first.kill();
    const before = await tables();
    const sizes = system.sizes();
    await query(pool, 'truncate position, cursor, container, blueprint, runner, lease');
    await start();
    await untilFollowed('rebuilt');
    await eventually(async () => expect(await tables()).toEqual(before), { withinMs: 20_000 });
    expect(system.sizes()).toEqual(sizes);
  });

  it('leaves nothing unacknowledged behind', async () => {
    await start();
    await eventually(async () =>
      expect(
        await callApi(nc, `CONSUMER.INFO.${STREAMS.facts}.${CONSUMERS.orchestrator(0)}`, undefined),
      ).toMatchObject({ num_pending: 0, num_ack_pending: 0 }),
    );
  });

  it('refuses a configuration that is missing, wrong or unknown, naming each key', async () => {
    const garbage = {
      ...env,
      LOGLINE_ORCHESTRATOR_KEY_FILE: '/nowhere',
      LOGLINE_ORCHESTRATOR_POSTGRES_URL_FILE: '',
      LOGLINE_ORCHESTRATOR_NATS_URL: 'nats://user:secret@x',
      LOGLINE_ORCHESTRATOR_LOG_LEVEL: 'loud',
      LOGLINE_ORCHESTRATOR_PARTITIONS: '3',
    };
    const failure = await startService('deploy-orchestrator', garbage).then(
      () => '',
      (error: Error) => error.message,
    );
    for (const key of ['KEY_FILE', 'POSTGRES_URL_FILE', 'NATS_URL', 'LOG_LEVEL', 'PARTITIONS'])
      expect(failure).toContain(`LOGLINE_ORCHESTRATOR_${key}`);
    expect(failure).not.toContain('secret@');
    const notAKey = { ...env, LOGLINE_ORCHESTRATOR_KEY_FILE: world.writeFile('not-a.key', '{"seed":1}') };
    await expect(startService('deploy-orchestrator', notAKey)).rejects.toThrow(/not a key file/);
  });
});
