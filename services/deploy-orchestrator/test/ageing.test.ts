import { query, type Pool } from '@logline/postgres';
import {
  applySpan,
  buildService,
  deploySpan,
  eventually,
  migrateService,
  runnerAddSpan,
  signedSpan,
  startService,
  startWorld,
  tenantCreatedSpan,
  testKey,
  untilAged,
  type ServiceProcess,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GateAndLedger } from './gate-and-ledger.ts';

let world: World;
let nc: NatsConnection;
let pool: Pool;
let env: Readonly<Record<string, string>>;
let system: GateAndLedger;
let orchestrator: ServiceProcess | undefined;

beforeAll(async () => {
  buildService('deploy-orchestrator');
  world = await startWorld({ name: 'orchestrator-ageing', factsMaxAgeMs: 1_500 });
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
  await orchestrator?.kill();
  await system?.close();
  await world?.close();
});

/** A tenant with a runner and a manifest; what asks for a deploy of it. */
async function newTenant(tenant: string) {
  const subject = `urn:minicontainer:${tenant}/web`;
  const apply = applySpan({ tenant, manifest: { tenant } });
  const applied = signedSpan({
    intent: 'minicontainer.applied',
    subject,
    key: testKey('tdln-gate'),
    payload: { kind: 'minicontainer/applied.v1', cause: apply.span.this, ok: true, ref: apply.ref },
  });
  await system.commit(tenant, [
    tenantCreatedSpan({ tenant }),
    await runnerAddSpan({ tenant }),
    apply,
    applied,
  ]);
  return deploySpan({ ref: apply.ref, subject, tenant });
}

const planned = (tenant: string): number => system.facts(tenant, 'deploy.planned').length;

it('an orchestrator rebuilt from nothing says whose facts have aged, plans for others, and for that one once they are republished', async () => {
  const old = await newTenant('old');
  await untilAged(nc);
  orchestrator = await startService('deploy-orchestrator', env);
  await system.commit('old', [old]);
  await system.commit('fresh', [await newTenant('fresh')]);
  await eventually(() => expect(planned('fresh')).toBe(1));
  const command = 'logline ledger republish --again --tenant old --from 0';
  await eventually(async () =>
    expect((await orchestrator?.readyz())?.state['stuck logs']).toContain(command),
  );
  expect(await orchestrator.metric('orchestrator_stuck_logs')).toBe(1);
  expect(await orchestrator.metric('orchestrator_parked_total')).toBe(0);
  expect(planned('old')).toBe(0);

  await system.logOf('old').log.republish(nc);
  await eventually(() => expect(planned('old')).toBe(1));
  await eventually(async () => expect(await orchestrator?.metric('orchestrator_stuck_logs')).toBe(0));
  await eventually(async () =>
    expect(await query(pool, 'select tenant, idx from position order by tenant')).toEqual([
      { tenant: 'fresh', idx: 5 },
      { tenant: 'old', idx: 5 },
    ]),
  );
});
