import { formatTarget } from '@logline/contracts';
import { faultOf } from './fault.ts';
import { grantsInUse, standingFault } from './grant-check.ts';
import type { Hearing } from './hearing.ts';
import { kidKey, leaseKey, runnerKey } from './keys.ts';
import {
  appliedManifest,
  DEPLOY_STEPS,
  deployOf,
  grantOf,
  isCompromisedAt,
  openDeploys,
  type DeployRecord,
  type DeployStep,
  type KeyEntry,
  type ManifestEntry,
} from './knowledge.ts';
import { refOf, specHash } from './manifest-ref.ts';
import { toStatement, type Payloads, type Statement } from './statement.ts';
import { verifyProof } from './proof-check.ts';

export type ReportStatement = Extract<
  Statement,
  {
    intent: `run_state.${string}` | `grant.${string}` | 'deploy.planned' | 'deploy.failed' | 'deploy.applied';
  }
>;
export type VerdictStatement = Extract<
  Statement,
  { intent: 'minicontainer.applied' | 'wallet.proof.verified' | 'wallet.grant.revoked' }
>;

/** What happened to a deploy is told by the one runner and the one service its plan names, under its lease, in order (protocol §9). */
export function judgeReport(hearing: Hearing, statement: ReportStatement, key: KeyEntry): void {
  const { subject } = statement.span;
  const { deploy, lease } = statement.payload;
  hearing.read(leaseKey(subject));
  const record = deployOf(hearing.knowledge, subject, deploy);
  if (record === null || record.step === 'closed') {
    return hearing.refuse(faultOf('deploy_unknown', '/payload/deploy', { deploy, subject }));
  }
  expect(hearing, '/payload/lease', String(lease), String(record.lease));
  if (statement.intent === 'deploy.planned') return judgePlan(hearing, statement.payload, record, subject);
  if (key.role === 'runner') {
    expect(hearing, '/signature/kid', key.name, record.runner ?? 'not planned yet');
  }
  // a service may close a deploy that no runner was found for
  if (statement.payload.runner !== undefined)
    expect(hearing, '/payload/runner', statement.payload.runner, record.runner ?? 'not planned yet');
  checkOrder(hearing, statement, record);
  if ('ref' in statement.payload && record.ref !== null)
    expect(hearing, '/payload/ref', statement.payload.ref, record.ref);
  if (statement.intent === 'deploy.applied')
    expect(hearing, '/payload/action', statement.payload.action, record.action);
  if (statement.intent === 'grant.materialize' || statement.intent === 'grant.materialized') {
    checkGrants(hearing, statement, record);
  }
}

function expect(hearing: Hearing, at: string, given: string, wanted: string): void {
  if (given !== wanted) hearing.refuse(faultOf('lease_differs', at, { given, wanted }));
}

function judgePlan(
  hearing: Hearing,
  plan: Payloads['deploy.planned'],
  record: DeployRecord,
  subject: string,
): void {
  const { knowledge } = hearing;
  if (record.step !== 'asked') {
    hearing.refuse(faultOf('step_out_of_order', '/intent', { intent: 'deploy.planned', step: record.step }));
  }
  expect(hearing, '/payload/action', plan.action, record.action);
  expect(hearing, '/payload/target', formatTarget(plan.target), formatTarget(record.target));
  if (record.ref !== null) expect(hearing, '/payload/ref', plan.ref, record.ref);
  hearing.read(runnerKey(plan.runner));
  const runner = knowledge.runners.get(plan.runner);
  if (runner?.status !== 'active' || !runner.providers.includes(plan.target.provider)) {
    hearing.refuse(
      faultOf('runner_unfit', '/payload/runner', { runner: plan.runner, provider: plan.target.provider }),
    );
  }
  if (plan.action === 'stop') {
    const isRunning = openDeploys(knowledge, subject).some(
      (open) => open.action === 'apply' && open.ref === plan.ref,
    );
    if (!isRunning) hearing.refuse(faultOf('deploy_unknown', '/payload/ref', { deploy: plan.ref, subject }));
  }
  const entry = appliedManifest(knowledge, subject, plan.ref);
  if (entry !== null)
    expect(
      hearing,
      '/payload/spec_hash',
      plan.spec_hash,
      specHash(plan.ref, entry.manifest.deploy, plan.target),
    );
}

/** How far a deploy must have come before each report; a run that starts again says earlier steps again. */
function earliestStep(
  statement: Exclude<ReportStatement, { intent: 'deploy.planned' }>,
  entry: ManifestEntry | null,
): DeployStep {
  switch (statement.intent) {
    case 'deploy.failed':
      return 'asked';
    case 'grant.materialize':
    case 'run_state.failed':
      return 'planned';
    case 'grant.materialized':
      return 'materializing';
    case 'deploy.applied': {
      const opensGrants =
        statement.payload.action === 'apply' && entry !== null && grantsInUse(entry.manifest).length > 0;
      return opensGrants ? 'materialized' : 'planned';
    }
    case 'run_state.pending':
    case 'run_state.exited':
      return 'applied';
    case 'run_state.running':
      return 'pending';
  }
}

function checkOrder(
  hearing: Hearing,
  statement: Exclude<ReportStatement, { intent: 'deploy.planned' }>,
  record: DeployRecord,
): void {
  const entry =
    record.ref === null ? null : appliedManifest(hearing.knowledge, statement.span.subject, record.ref);
  const isTooEarly = DEPLOY_STEPS.indexOf(record.step) < DEPLOY_STEPS.indexOf(earliestStep(statement, entry));
  // what runs has not failed to deploy: its end is a run_state, unless nobody is left who could tell it
  const isTooLate =
    statement.intent === 'deploy.failed' && record.step === 'running' && hasRunner(hearing, record);
  const isOfStop =
    record.action === 'stop' && statement.intent !== 'deploy.failed' && statement.intent !== 'deploy.applied';
  if (isTooEarly || isTooLate || isOfStop) {
    hearing.refuse(faultOf('step_out_of_order', '/intent', { intent: statement.intent, step: record.step }));
  }
}

function hasRunner(hearing: Hearing, { runner }: DeployRecord): boolean {
  if (runner === null) return false;
  hearing.read(runnerKey(runner));
  return hearing.knowledge.runners.get(runner)?.status === 'active';
}

/** The grants a runner opens are the manifest's own, and still good at this place of the log (protocol §6). */
function checkGrants(
  hearing: Hearing,
  statement: Extract<ReportStatement, { intent: `grant.${string}` }>,
  record: DeployRecord,
): void {
  const { subject } = statement.span;
  const entry = record.ref === null ? null : appliedManifest(hearing.knowledge, subject, record.ref);
  if (entry === null)
    return hearing.refuse(faultOf('ref_unknown', '/payload/deploy', { ref: record.ref ?? '', subject }));
  const { kid } = entry.manifest.provenance;
  hearing.read(kidKey(kid));
  if (isCompromisedAt(hearing.knowledge, kid, entry.index)) {
    hearing.refuse(faultOf('manifest_compromised', '/payload/deploy', { ref: entry.ref, kid }));
  }
  for (const [i, use] of statement.payload.grants.entries()) {
    const at = `/payload/grants/${i}`;
    const grant = grantOf(entry.manifest, use.grant);
    if (grant === null) {
      hearing.refuse(faultOf('env_grant_unknown', at, { grant: use.grant }));
      continue;
    }
    expect(hearing, `${at}/artifact`, use.artifact, grant.artifact_id);
    expect(hearing, `${at}/artifact_hash`, use.artifact_hash, grant.artifact_hash ?? 'none');
    // once opened, it was opened: only the asking needs a grant that is still good
    const standing =
      statement.intent === 'grant.materialize' ? standingFault(hearing, subject, grant, entry) : null;
    if (standing !== null) hearing.refuse(standing);
  }
}

/** A verdict is the next fact after its cause, and says about it what anybody can check (protocol §9). */
export function judgeVerdict(hearing: Hearing, statement: VerdictStatement): void {
  const { span, payload } = statement;
  const cause = hearing.knowledge.pending;
  const pair = cause === null ? null : toStatement(cause);
  if (cause === null || pair === null || !isPair(pair, statement)) {
    return hearing.refuse(faultOf('verdict_alone', '/intent', { intent: span.intent }));
  }
  expectCause(hearing, '/payload/cause', payload.cause, cause.this);
  expectCause(hearing, '/subject', span.subject, cause.subject);
  if (statement.intent === 'minicontainer.applied' && pair.intent === 'minicontainer.apply') {
    const ref = 'manifest' in pair.payload ? refOf(span.subject, pair.payload.manifest) : null;
    expectCause(hearing, '/payload/ref', statement.payload.ref, ref ?? 'none');
  }
  if (statement.intent === 'wallet.grant.revoked' && pair.intent === 'wallet.grant.revoke') {
    expectCause(hearing, '/payload/grant', statement.payload.grant, pair.payload.grant);
  }
  if (statement.intent === 'wallet.proof.verified' && pair.intent === 'wallet.proof.submit') {
    expectCause(hearing, '/payload/proof', statement.payload.proof, pair.payload.proof.id);
    // a denial harms nobody; an allowance must be one that holds
    if (statement.payload.decision === 'allow')
      hearing.refuse(
        ...verifyProof(pair.payload.proof, hearing.knowledge, hearing.nowMs, hearing.aheadMs).faults,
      );
  }
}

function isPair(cause: Statement, { intent }: VerdictStatement): boolean {
  switch (intent) {
    case 'minicontainer.applied':
      return cause.intent === 'minicontainer.apply';
    case 'wallet.proof.verified':
      return cause.intent === 'wallet.proof.submit';
    case 'wallet.grant.revoked':
      return cause.intent === 'wallet.grant.revoke';
  }
}

function expectCause(hearing: Hearing, at: string, given: string, wanted: string): void {
  if (given !== wanted) hearing.refuse(faultOf('cause_differs', at, { wanted }));
}
