import type { RunnerAllowance } from '@logline/contracts';
import { appliedManifest, deployAuthority, type Knowledge, specHash } from '@logline/tdln';
import { type ContainerSpec, planContainer } from '@logline/targets';
import type { Plan } from '../domain/plan.ts';
import type { Run, Terms } from '../domain/run.ts';
import { checkGrants, GrantRefused, type Opening } from '../secrets/open-grants.ts';

/** What the runner's own configuration says, whatever the log allows. */
export type OwnRules = {
  readonly runner: string;
  readonly provider: string;
  readonly allow: RunnerAllowance;
};

export type PlanVerdict =
  | { readonly ok: true; readonly terms: Terms; readonly spec: ContainerSpec; readonly opening: Opening }
  | { readonly ok: false; readonly why: 'refused_by_runner' | 'grant_refused'; readonly message: string };

/**
 * Whether this runner will do what the plan says, by its own reading of the log, its own rules and its own clock (protocol §6). The
 * rules of the deploy's signer, proof and manifest were kept when its facts were folded in; what may have changed since is looked at here.
 * Pure. A container that is known to be up is not asked for its grants again.
 */
export function verifyPlan(run: Run, knowledge: Knowledge, own: OwnRules, nowMs: number): PlanVerdict {
  const { plan } = run;
  const refuse = (message: string): PlanVerdict => ({ ok: false, why: 'refused_by_runner', message });
  if (plan.target.provider !== own.provider)
    return refuse(`this runner serves ${own.provider}, not ${plan.target.provider}`);
  const entry = appliedManifest(knowledge, plan.subject, plan.ref);
  if (entry === null) return refuse(`the manifest ${plan.ref} is not applied in the log`);
  const { manifest } = entry;
  if (specHash(plan.ref, manifest.deploy, plan.target) !== plan.specHash)
    return refuse('the plan is not of this manifest and target');
  const planned = planContainer(manifest.deploy, { allow: own.allow, provider: own.provider });
  if (!planned.ok)
    return refuse(planned.refusals.map(({ pointer, message }) => `${pointer}: ${message}`).join('; '));
  const { spec } = planned;
  const opening: Opening = { plan, manifest, appliedMs: entry.timeMs, knowledge, runner: own.runner, nowMs };
  const terms: Terms = {
    grants: [],
    delivery: spec.secretDelivery,
    restart: spec.restart,
    stopTimeoutMs: spec.stopTimeoutMs,
  };
  if (run.container !== null) return { ok: true, terms, spec, opening };
  try {
    const grants = checkGrants(opening);
    const barred = whyBarred(plan, knowledge, nowMs);
    return barred === null ? { ok: true, terms: { ...terms, grants }, spec, opening } : refuse(barred);
  } catch (cause) {
    if (cause instanceof GrantRefused) return { ok: false, why: 'grant_refused', message: cause.message };
    throw cause;
  }
}

/** Closed, revoked, compromised or expired since it was asked for; null while it stands. */
export function whyBarred(plan: Plan, knowledge: Knowledge, nowMs: number): string | null {
  const authority = deployAuthority(knowledge, plan.deploy, nowMs);
  if (authority === null) return 'the log has no such deploy';
  return authority.refusals.length === 0 ? null : authority.refusals.join('; ');
}
