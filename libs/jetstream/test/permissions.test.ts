import {
  NATS_USERS,
  permissionsOf,
  runnerPermissions,
  runnerUser,
  type NatsPermissions,
} from '@logline/contracts';
import { consumerConfigs, runnerConsumer } from '@logline/jetstream';
import { startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const RUNNERS = [
  { tenant: 'acme', runner: 'home' },
  { tenant: 'acme', runner: 'office' },
  { tenant: 'beta', runner: 'home' },
];

/** Everything anybody does, and who alone may do it. Each user is asked to do all of it. */
const DOINGS: readonly { readonly subject: string; readonly by: readonly string[] }[] = [
  { subject: 'submit.client', by: ['gateway'] },
  { subject: 'submit.recheck', by: ['ledger'] },
  { subject: 'submit.service.deploy-orchestrator', by: ['deploy-orchestrator'] },
  { subject: 'submit.service.tdln-gate', by: [] },
  { subject: 'submit.report.acme.home', by: ['runner_acme_home'] },
  { subject: 'submit.report.acme.office', by: ['runner_acme_office'] },
  { subject: 'submit.report.beta.home', by: ['runner_beta_home'] },
  { subject: 'verify.0', by: ['tdln-gate'] },
  { subject: 'accept.0', by: ['tdln-gate', 'wallet-verifier', 'ledger'] },
  { subject: 'accept.1', by: ['tdln-gate', 'wallet-verifier', 'ledger'] },
  { subject: 'fact.deploy.planned.acme.web', by: ['ledger'] },
  { subject: 'deploy.planned.acme.web', by: [] },
  { subject: 'parked.projector.fact.x', by: ['projector'] },
  { subject: 'parked.orchestrator-0.fact.x', by: ['deploy-orchestrator'] },
  { subject: '_INBOX.gateway.someone.1', by: ['tdln-gate', 'wallet-verifier', 'ledger'] },
  { subject: '$KV.gate_knowledge.acme', by: ['tdln-gate'] },
  { subject: '$KV.verifier_knowledge.acme', by: ['wallet-verifier'] },
  { subject: '$KV.ledger_anchors.0', by: ['ledger'] },
  { subject: '$JS.API.STREAM.MSG.GET.KV_ledger_anchors', by: ['migrator', 'ledger'] },
  { subject: '$JS.API.STREAM.PURGE.KV_ledger_anchors', by: ['migrator'] },
  { subject: '$JS.API.STREAM.CREATE.X', by: ['migrator'] },
  { subject: '$JS.API.STREAM.UPDATE.FACTS', by: ['migrator'] },
  {
    subject: '$JS.API.STREAM.INFO.FACTS',
    by: ['migrator', 'tdln-gate', 'wallet-verifier', 'ledger', 'deploy-orchestrator', 'projector'],
  },
  { subject: '$JS.API.STREAM.DELETE.FACTS', by: ['migrator'] },
  { subject: '$JS.API.STREAM.PURGE.SUBMIT', by: ['migrator'] },
  { subject: '$JS.API.STREAM.MSG.DELETE.FACTS', by: ['migrator'] },
  { subject: '$JS.API.STREAM.MSG.GET.FACTS', by: ['migrator', 'ledger'] },
  { subject: '$JS.API.DIRECT.GET.FACTS', by: ['migrator'] },
  { subject: '$JS.API.CONSUMER.CREATE.SUBMIT.spy.submit.client', by: ['migrator'] },
  {
    subject: '$JS.API.CONSUMER.CREATE.FACTS.runner_acme_home.fact.*.*.acme.*',
    by: ['migrator', 'tdln-gate', 'wallet-verifier'],
  },
  {
    subject: '$JS.API.CONSUMER.CREATE.FACTS.projector.fact.*.*.*.*',
    by: ['migrator', 'tdln-gate', 'wallet-verifier', 'projector'],
  },
  { subject: '$JS.API.CONSUMER.CREATE.ACCEPT.ledger-0.accept.0', by: ['migrator', 'ledger'] },
  { subject: '$JS.API.CONSUMER.DELETE.ACCEPT.ledger-0', by: ['migrator', 'ledger'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.SUBMIT.gate', by: ['migrator', 'tdln-gate'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.REPORT.gate-report', by: ['migrator', 'tdln-gate'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.VERIFY.verifier', by: ['migrator', 'wallet-verifier'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.ACCEPT.ledger-0', by: ['migrator', 'ledger'] },
  {
    subject: '$JS.API.CONSUMER.MSG.NEXT.FACTS.orchestrator-0',
    by: ['migrator', 'tdln-gate', 'wallet-verifier', 'deploy-orchestrator'],
  },
  {
    subject: '$JS.API.CONSUMER.MSG.NEXT.FACTS.projector',
    by: ['migrator', 'tdln-gate', 'wallet-verifier', 'projector'],
  },
  {
    subject: '$JS.API.CONSUMER.MSG.NEXT.FACTS.runner_acme_home',
    by: ['migrator', 'tdln-gate', 'wallet-verifier', 'runner_acme_home'],
  },
  {
    subject: '$JS.API.CONSUMER.RESET.FACTS.runner_acme_home',
    by: ['migrator', 'runner_acme_home'],
  },
  { subject: '$JS.ACK.SUBMIT.gate.1.1.1.1.0', by: ['tdln-gate'] },
  { subject: '$JS.ACK.ACCEPT.ledger-0.1.1.1.1.0', by: ['ledger'] },
  { subject: '$JS.ACK.FACTS.projector.1.1.1.1.0', by: ['projector'] },
  { subject: '$JS.ACK.FACTS.runner_acme_home.1.1.1.1.0', by: ['runner_acme_home'] },
  { subject: '$SYS.REQ.SERVER.PING', by: [] },
];
/** What nobody but the owner of an inbox may listen to. */
const EARS: readonly { readonly subject: string; readonly by: readonly string[] }[] = [
  { subject: '>', by: [] },
  { subject: 'submit.>', by: [] },
  { subject: 'fact.>', by: [] },
  { subject: '_INBOX.>', by: [] },
  { subject: '$JS.ACK.>', by: [] },
  ...[
    'gateway',
    'tdln-gate',
    'wallet-verifier',
    'ledger',
    'deploy-orchestrator',
    'projector',
    'migrator',
    'runner_acme_home',
  ].map((user) => ({
    subject: `_INBOX.${user}.>`,
    by: [user],
  })),
];

const USERS = [...NATS_USERS, ...RUNNERS.map(({ tenant, runner }) => runnerUser(tenant, runner))];

describe('permissions of the NATS users', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ name: 'permissions', postgres: false, runners: RUNNERS });
  });
  afterAll(() => world.close());

  it.each(USERS)('%s may do its own work and nothing else', async (user) => {
    const refusedPublishes = await refused(
      await world.connect(user),
      'publish',
      DOINGS.map(({ subject }) => subject),
    );
    expect(
      DOINGS.filter(({ subject }) => !refusedPublishes.has(subject)).map(({ subject }) => subject),
    ).toEqual(DOINGS.filter(({ by }) => by.includes(user)).map(({ subject }) => subject));
    const refusedSubscribes = await refused(
      await world.connect(user),
      'subscription',
      EARS.map(({ subject }) => subject),
    );
    expect(
      EARS.filter(({ subject }) => !refusedSubscribes.has(subject)).map(({ subject }) => subject),
    ).toEqual(EARS.filter(({ by }) => by.includes(user)).map(({ subject }) => subject));
  });

  it('lets nobody listen anywhere but in their own inbox', () => {
    const all: readonly [string, NatsPermissions][] = [
      ...NATS_USERS.map((user): [string, NatsPermissions] => [user, permissionsOf(user)]),
      ...RUNNERS.map(({ tenant, runner }): [string, NatsPermissions] => [
        runnerUser(tenant, runner),
        runnerPermissions(tenant, runner),
      ]),
    ];
    for (const [user, { subscribe }] of all) expect(subscribe.allow).toEqual([`_INBOX.${user}.>`]);
  });

  it('has a consumer for everyone who may pull', () => {
    const consumers = [
      ...consumerConfigs(3),
      ...RUNNERS.map(({ tenant, runner }) => runnerConsumer(tenant, runner)),
    ];
    for (const { stream, config } of consumers) {
      const pull = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${config.durable_name}`;
      const who = [
        ...NATS_USERS.map(permissionsOf),
        ...RUNNERS.map(({ tenant, runner }) => runnerPermissions(tenant, runner)),
      ];
      const may = ({ publish }: NatsPermissions) => publish.allow.some((pattern) => covers(pattern, pull));
      expect(who.filter(may)).toHaveLength(1);
    }
  });
});

/** Subjects that the server refused this user. Most API calls get a body that no API takes; that they may be made is what counts. */
async function refused(
  nc: NatsConnection,
  operation: 'publish' | 'subscription',
  subjects: readonly string[],
): Promise<ReadonlySet<string>> {
  const violations = new Set<string>();
  const statuses = nc.status();
  const watching = (async () => {
    for await (const status of statuses) {
      if (status.type !== 'error') continue;
      const [, subject] = /"([^"]+)"/.exec(status.error.message) ?? [];
      if (subject !== undefined) violations.add(subject);
    }
  })();
  for (const subject of subjects) {
    if (operation === 'publish') nc.publish(subject, 'not json');
    else nc.subscribe(subject, { callback: () => undefined });
  }
  await nc.flush();
  await nc.flush();
  await nc.close();
  await watching;
  return violations;
}

/** `*` stands for one token; nobody is allowed anything here by `>`. */
function covers(pattern: string, subject: string): boolean {
  const tokens = subject.split('.');
  const wanted = pattern.split('.');
  return (
    wanted.length === tokens.length && wanted.every((token, at) => token === '*' || token === tokens[at])
  );
}
