import { blake3Hash, canonicalBytes } from '@logline/canon-sign';
import { formatTarget, type DeploySpec, type RunnerAllowance, type Target } from '@logline/contracts';
import { planContainer } from '@logline/targets';
import type { Placement } from './deploy.ts';

/** A runner of the tenant, as `registry.runner.add` described it, and how many deploys it holds now. */
export type Runner = {
  readonly runner: string;
  readonly providers: readonly string[];
  readonly allow: RunnerAllowance;
  readonly load: number;
};

/** What a fact's `message` holds at most. */
const MOST_MESSAGE = 1024;

/**
 * Picks the runner for a deploy, or says why there is none. The one that already runs the container there comes first, then the least
 * loaded, then the first by name. What the target cannot honour is refused here, never weakened (protocol §4).
 */
export function place(
  ref: string,
  deploy: DeploySpec,
  target: Target,
  runners: readonly Runner[],
  incumbent: string | undefined,
): Placement {
  const able = runners
    .filter(({ providers }) => providers.includes(target.provider))
    .toSorted(
      (a, b) =>
        Number(b.runner === incumbent) - Number(a.runner === incumbent) ||
        a.load - b.load ||
        (a.runner < b.runner ? -1 : 1),
    );
  if (able.length === 0) {
    const message = `no registered runner serves ${formatTarget(target)}: start one and add it with logline runner add`;
    return { ok: false, why: 'no_runner', message };
  }
  const refusals: string[] = [];
  for (const { runner, allow } of able) {
    const plan = planContainer(deploy, { allow, provider: target.provider });
    if (plan.ok) return { ok: true, runner, specHash: specHash(ref, deploy, target) };
    refusals.push(
      ...plan.refusals.map(({ pointer, message, fix }) => `${runner}: ${pointer} ${message}; ${fix}`),
    );
  }
  return { ok: false, why: 'unsupported', message: refusals.join(' | ').slice(0, MOST_MESSAGE) };
}

/** What the plan commits to: the manifest's deploy part, for this ref, on this target. */
export function specHash(ref: string, deploy: DeploySpec, target: Target): string {
  return blake3Hash(canonicalBytes({ ref, deploy, target }));
}
