import { blake3Hash, canonicalBytes } from '@logline/canon-sign';
import {
  applySpan,
  deploySpan,
  keyAddSpan,
  keyRevokeSpan,
  runnerAddSpan,
  signedSpan,
  stopSpan,
  tenantCreatedSpan,
  testKey,
  type SignedSpan,
} from '@logline/testing';

/** What a tenant's log really holds when a container was deployed, run and stopped; the deploy stands at index 5. */
export async function deployStory(tenant: string): Promise<readonly SignedSpan[]> {
  const subject = `urn:minicontainer:${tenant}/web`;
  const apply = applySpan({ tenant, manifest: { tenant } });
  const { ref } = apply;
  const target = { provider: 'docker' };
  const deploy = deploySpan({ ref, subject, tenant });
  const stop = stopSpan({ subject, tenant });
  const run = { deploy: deploy.span.this, lease: 5, runner: 'home', ref, provider: 'docker', node: 'laptop' };
  const byGate = { subject, key: testKey('tdln-gate') };
  const byPlanner = { subject, key: testKey('deploy-orchestrator') };
  const byRunner = { subject, key: testKey('runner-home') };
  const plan = {
    kind: 'deploy/planned.v1',
    ref,
    target,
    runner: 'home',
    deadline: '2026-11-23T12:02:00.000Z',
    spec_hash: blake3Hash(canonicalBytes({ ref, target })),
  };
  return [
    tenantCreatedSpan({ tenant }),
    await runnerAddSpan({ tenant }),
    keyAddSpan({ tenant, added: testKey('second') }),
    apply,
    signedSpan({
      ...byGate,
      intent: 'minicontainer.applied',
      payload: { kind: 'minicontainer/applied.v1', cause: apply.span.this, ok: true, ref },
    }),
    deploy,
    signedSpan({
      ...byPlanner,
      intent: 'deploy.planned',
      payload: { ...plan, deploy: deploy.span.this, action: 'apply', lease: 5 },
    }),
    signedSpan({ ...byRunner, intent: 'run_state.pending', payload: { ...run, container: 'c1' } }),
    signedSpan({
      ...byRunner,
      intent: 'run_state.running',
      payload: {
        ...run,
        container: 'c1',
        started_at: '2026-11-23T12:00:01.000Z',
        ports: [{ container: 80, host: 32_768, protocol: 'tcp' }],
      },
    }),
    keyRevokeSpan({ tenant, kid: 'second' }),
    stop,
    signedSpan({
      ...byPlanner,
      intent: 'deploy.planned',
      payload: { ...plan, deploy: stop.span.this, action: 'stop', lease: 10 },
    }),
    signedSpan({
      ...byRunner,
      intent: 'deploy.applied',
      payload: {
        kind: 'deploy/applied.v1',
        deploy: stop.span.this,
        action: 'stop',
        lease: 10,
        runner: 'home',
        ref,
      },
    }),
    signedSpan({
      ...byRunner,
      intent: 'run_state.exited',
      payload: { ...run, exit_code: 0, finished_at: '2026-11-23T12:00:09.000Z', why: 'stopped' },
    }),
    signedSpan({
      intent: 'registry.log.publish',
      subject: `urn:tenant:${tenant}`,
      payload: { kind: 'registry/log-publication.v1', public: true },
    }),
  ];
}

/** As many different facts as wanted, about few subjects. */
export function traffic(tenant: string, count: number, from: number = 0): readonly SignedSpan[] {
  return Array.from({ length: count }, (_, at) =>
    signedSpan({
      intent: 'run_state.running',
      subject: `urn:minicontainer:${tenant}/app-${at % 7}`,
      key: testKey('runner-home'),
      nth: from + at,
      payload: {
        deploy: 'urn:span:019ab111-6800-7000-8000-000000000000',
        lease: at,
        runner: 'home',
        ref: `mc:${tenant}/app-${at % 7}@blake3:${'ab'.repeat(32)}`,
        provider: 'docker',
        node: 'laptop',
      },
    }),
  );
}
