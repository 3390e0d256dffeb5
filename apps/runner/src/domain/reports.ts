import {
  type DeployApplied,
  type DeployFailed,
  formatInstant,
  type GrantMaterialize,
  type GrantMaterialized,
  type RunState,
} from '@logline/contracts';
import { isBrokenHandoff, restartPauseMs } from './evolve-run.ts';
import type { Plan } from './plan.ts';
import { isActive, type Run } from './run.ts';
import type { RunEvent } from './run-event.ts';

/** What a runner says. `about` is the plan whose deploy it belongs to: a stop ends a run under the run's lease. */
export type Report = { readonly about: Plan } & (
  | { readonly intent: 'grant.materialize'; readonly payload: GrantMaterialize }
  | { readonly intent: 'grant.materialized'; readonly payload: GrantMaterialized }
  | { readonly intent: 'deploy.applied'; readonly payload: DeployApplied }
  | { readonly intent: 'deploy.failed'; readonly payload: DeployFailed }
  | {
      readonly intent: `run_state.${'pending' | 'running' | 'exited' | 'failed'}`;
      readonly payload: RunState;
    }
);

/** Who speaks, and from where. */
export type Self = { readonly runner: string; readonly provider: string; readonly node: string };

const MOST_WORDS = 1024;

/** What the log must be told about an event, in order; nothing for an event that says nothing new. `run` is as it was before. */
export function reportsOf(run: Run, event: RunEvent, self: Self): readonly Report[] {
  if (!isActive(run) && event.type !== 'cleaned') return [];
  const { plan } = run;
  const { deploy, lease } = plan;
  const { runner } = self;
  switch (event.type) {
    case 'verified':
      return run.phase !== 'verify' || run.container !== null || event.terms.grants.length === 0
        ? []
        : [
            {
              about: plan,
              intent: 'grant.materialize',
              payload: { deploy, lease, runner, grants: [...event.terms.grants] },
            },
          ];
    case 'lapsed':
      return run.terms === null
        ? []
        : [
            {
              about: plan,
              intent: 'grant.materialize',
              payload: { deploy, lease, runner, grants: [...run.terms.grants] },
            },
          ];
    case 'opened': {
      if (run.terms === null || run.phase !== 'materialize') return [];
      const { grants, delivery } = run.terms;
      return [
        {
          about: plan,
          intent: 'grant.materialized',
          payload: { deploy, lease, runner, grants: [...grants], delivery },
        },
      ];
    }
    case 'created': {
      if (run.isApplied) return [];
      const { container, image } = event;
      const applied: DeployApplied = {
        deploy,
        action: 'apply',
        lease,
        runner,
        ref: plan.ref,
        container,
        image,
      };
      return [
        { about: plan, intent: 'deploy.applied', payload: applied },
        { about: plan, intent: 'run_state.pending', payload: { ...runState(run, self), container } },
      ];
    }
    case 'started':
      return [
        {
          about: plan,
          intent: 'run_state.running',
          payload: {
            ...runState(run, self),
            ...(event.startedAtMs === null ? {} : { started_at: formatInstant(event.startedAtMs) }),
            ports: event.ports.map((port) => ({ ...port })),
          },
        },
      ];
    case 'exited':
      return [...stopApplied(run, self), exitOf(run, event, self)];
    case 'cleaned':
      return run.phase === 'clean' ? afterCleaning(run, self) : [];
    case 'failed': // told once the container is gone
    case 'endAsked':
    case 'receipted':
    case 'materializeLogged':
    case 'said':
    case 'foundInLog':
      return [];
  }
}

function runState({ plan, container }: Run, { runner, provider, node }: Self): RunState {
  const { deploy, lease, ref } = plan;
  return { deploy, lease, runner, ref, provider, node, ...(container === null ? {} : { container }) };
}

function exitOf(run: Run, event: Extract<RunEvent, { type: 'exited' }>, self: Self): Report {
  const pauseMs = restartPauseMs(run, event);
  const times = {
    ...(run.startedAtMs === null ? {} : { started_at: formatInstant(run.startedAtMs) }),
    ...(event.finishedAtMs === null ? {} : { finished_at: formatInstant(event.finishedAtMs) }),
    ...(event.exitCode === null ? {} : { exit_code: event.exitCode }),
  };
  const payload: RunState = { ...runState(run, self), ...times };
  const about = run.plan;
  if (pauseMs !== null) {
    const why = `${reasonOf(run, event)}: starts again in ${pauseMs / 1000} s`;
    return { about, intent: 'run_state.pending', payload: { ...payload, why } };
  }
  if (run.end !== null)
    return { about, intent: 'run_state.exited', payload: { ...payload, why: run.end.why } };
  if (event.exitCode === 0) return { about, intent: 'run_state.exited', payload };
  return { about, intent: 'run_state.failed', payload: { ...payload, why: reasonOf(run, event) } };
}

function reasonOf(run: Run, event: Extract<RunEvent, { type: 'exited' }>): string {
  if (event.isVanished) return 'removed by somebody else';
  if (event.isOomKilled) return 'oom';
  if (isBrokenHandoff(run, event.exitCode)) return 'crashed: its secrets were not handed over to the end';
  return event.exitCode === 0 ? 'exited' : 'crashed';
}

/** The stop that ended a run is done. */
function stopApplied({ end, plan }: Run, { runner }: Self): readonly Report[] {
  if (end?.why !== 'stopped') return [];
  const { deploy, lease } = end.stop;
  return [
    {
      about: end.stop,
      intent: 'deploy.applied',
      payload: { deploy, action: 'stop', lease, runner, ref: plan.ref },
    },
  ];
}

/** A run that had begun has told its exit already; one that never began has failed to. */
function afterCleaning(run: Run, self: Self): readonly Report[] {
  const { plan, end, failure, isEndTold } = run;
  if (end?.why === 'closed' || isEndTold) return [];
  if (failure !== null) return [...stopApplied(run, self), failed(plan, self, failure.why, failure.message)];
  if (end === null) return [];
  const why = end.why === 'superseded' ? 'superseded' : 'interrupted';
  const message = end.why === 'superseded' ? 'a newer deploy took its place' : 'it was stopped before it ran';
  return [...stopApplied(run, self), failed(plan, self, why, message)];
}

export function failed(plan: Plan, { runner }: Self, why: DeployFailed['why'], message: string): Report {
  const { deploy, lease } = plan;
  return {
    about: plan,
    intent: 'deploy.failed',
    payload: { deploy, lease, runner, why, message: message.slice(0, MOST_WORDS) || why },
  };
}
