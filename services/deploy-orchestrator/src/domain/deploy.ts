import {
  formatTarget,
  type DeployFailed,
  type DeployFailure,
  type DeployPlanned,
  type Target,
} from '@logline/contracts';

/** How long a deploy may take from its log time until its container runs, when its options do not say. */
export const APPLY_WITHIN_MS = 120_000;
/** How long a stop may take beyond the manifest's own stop timeout, which is at most ten minutes. */
export const STOP_WITHIN_MS = 660_000;

/** One deploy that a runner still holds a lease for. `lease` is the log index of the deploy span. */
export type OpenDeploy = {
  readonly deploy: string;
  readonly action: 'apply' | 'stop';
  readonly lease: number;
  readonly ref: string;
  readonly target: Target;
  readonly runner: string;
  readonly specHash: string;
  /** `planned`: the runner has been told. `started`: its container runs, so no deadline is open any more. */
  readonly status: 'planned' | 'started';
  readonly deadlineMs: number;
};

/** All of one container that is still open; the fold of its facts. */
export type DeployState = {
  /** Log index of the newest deploy span planned or refused; a log index only grows. */
  readonly askedAt: number;
  readonly open: readonly OpenDeploy[];
  /** Leases closed by `foldAhead` whose closing has not come back from the log yet: their plan, still on its way, opens nothing. */
  readonly ahead: readonly number[];
};

export const initialState: DeployState = { askedAt: -1, open: [], ahead: [] };

/** Where a deploy may go, decided before: the runner and what its plan hashes to, or why there is none. */
export type Placement =
  | { readonly ok: true; readonly runner: string; readonly specHash: string }
  | { readonly ok: false; readonly why: DeployFailure; readonly message: string };

export type DeployCommand =
  | {
      readonly type: 'apply';
      readonly deploy: string;
      readonly askedAt: number;
      readonly ref: string;
      readonly target: Target;
      readonly placement: Placement;
      readonly withinMs: number;
      readonly nowMs: number;
    }
  | {
      readonly type: 'stop';
      readonly deploy: string;
      readonly askedAt: number;
      readonly target: Target;
      readonly withinMs: number;
      readonly nowMs: number;
    }
  | { readonly type: 'expire'; readonly lease: number; readonly nowMs: number }
  /** The plan was refused, because of the runner it names. */
  | { readonly type: 'give-up'; readonly deploy: string; readonly askedAt: number; readonly message: string };

/** A fact to be; `step` keeps the ids of several reactions to one cause apart. */
export type DeployFact =
  | { readonly intent: 'deploy.planned'; readonly step: string; readonly payload: DeployPlanned }
  | { readonly intent: 'deploy.failed'; readonly step: string; readonly payload: DeployFailed };

/** Facts to record, in order; none when the command says nothing new. Pure: redelivery gives the same facts. */
export function decide(command: DeployCommand, state: DeployState): readonly DeployFact[] {
  switch (command.type) {
    case 'apply':
      return decideApply(command, state);
    case 'stop':
      return decideStop(command, state);
    case 'expire': {
      const due = state.open.find((open) => open.lease === command.lease);
      if (due === undefined || due.status === 'started' || command.nowMs < due.deadlineMs) return [];
      return [failed(due, 'timed_out', `not done by ${new Date(due.deadlineMs).toISOString()}`, 'expire')];
    }
    case 'give-up': {
      const { deploy, askedAt, message } = command;
      return [failed({ deploy, lease: askedAt }, 'no_runner', message, 'give-up')];
    }
  }
}

function decideApply(
  command: Extract<DeployCommand, { type: 'apply' }>,
  state: DeployState,
): readonly DeployFact[] {
  const { deploy, askedAt, ref, target, placement } = command;
  // an equal index is a redelivery whose facts are already folded in, a smaller one has lost the race
  if (askedAt <= state.askedAt) return [];
  if (!placement.ok) {
    return [failed({ deploy, lease: askedAt }, placement.why, placement.message, 'refuse')];
  }
  const superseded = waiting(state, target).map((open) =>
    failed(
      open,
      'superseded',
      `a newer deploy of ${formatTarget(target)} was asked for`,
      `supersede-${open.lease}`,
    ),
  );
  const planned: DeployFact = {
    intent: 'deploy.planned',
    step: 'plan',
    payload: {
      deploy,
      action: 'apply',
      ref,
      target,
      runner: placement.runner,
      lease: askedAt,
      deadline: new Date(command.nowMs + command.withinMs).toISOString(),
      spec_hash: placement.specHash,
    },
  };
  return [...superseded, planned];
}

function decideStop(
  command: Extract<DeployCommand, { type: 'stop' }>,
  state: DeployState,
): readonly DeployFact[] {
  const { deploy, askedAt, target } = command;
  if (askedAt <= state.askedAt) return [];
  const runs = state.open.filter((open) => open.action === 'apply' && isSameTarget(open.target, target));
  const run = runs.at(-1);
  if (run === undefined) {
    const message = `nothing of this container runs on ${formatTarget(target)}`;
    return [failed({ deploy, lease: askedAt }, 'not_running', message, 'refuse')];
  }
  return [
    {
      intent: 'deploy.planned',
      step: 'plan',
      payload: {
        deploy,
        action: 'stop',
        ref: run.ref,
        target: run.target,
        runner: run.runner,
        lease: askedAt,
        deadline: new Date(command.nowMs + command.withinMs).toISOString(),
        spec_hash: run.specHash,
      },
    },
  ];
}

/** A logged fact of this container, as far as deploys go. */
export type LoggedFact =
  | { readonly intent: 'deploy.planned'; readonly payload: DeployPlanned }
  | { readonly intent: 'deploy.failed'; readonly payload: { readonly lease: number } }
  | {
      readonly intent: 'deploy.applied';
      readonly payload: { readonly lease: number; readonly action: string };
    }
  | {
      readonly intent: 'run_state';
      readonly payload: { readonly lease: number };
      readonly isRunning: boolean;
      readonly isOver: boolean;
    };

/** The state after one more fact of the log. */
export function evolve(state: DeployState, fact: LoggedFact): DeployState {
  switch (fact.intent) {
    case 'deploy.planned': {
      const { deploy, action, lease, ref, target, runner, deadline, spec_hash } = fact.payload;
      const isKnown = state.ahead.includes(lease) || state.open.some((open) => open.lease === lease);
      if (isKnown) return state;
      const open: OpenDeploy = {
        deploy,
        action,
        lease,
        ref,
        target,
        runner,
        specHash: spec_hash,
        status: 'planned',
        deadlineMs: Date.parse(deadline),
      };
      return { ...state, askedAt: Math.max(state.askedAt, lease), open: [...state.open, open] };
    }
    case 'deploy.failed': {
      const { lease } = fact.payload;
      return {
        askedAt: Math.max(state.askedAt, lease),
        open: without(state, lease),
        ahead: state.ahead.filter((other) => other !== lease),
      };
    }
    case 'deploy.applied':
      // a stop is done when it is applied; an apply goes on until its run state says so
      return fact.payload.action === 'stop' ? { ...state, open: without(state, fact.payload.lease) } : state;
    case 'run_state': {
      const { lease } = fact.payload;
      if (fact.isOver) return { ...state, open: without(state, lease) };
      if (!fact.isRunning) return state;
      return {
        ...state,
        open: state.open.map((open) => (open.lease === lease ? { ...open, status: 'started' } : open)),
      };
    }
  }
}

/**
 * The state once decided facts are in the log, although they have not come back from there: the next command must not miss them. Folding them
 * in again when they do come changes nothing.
 */
export function foldAhead(state: DeployState, decided: readonly DeployFact[]): DeployState {
  return decided.reduce((before, fact) => {
    const after = evolve(before, fact);
    const closes =
      fact.intent === 'deploy.failed' && before.open.some(({ lease }) => lease === fact.payload.lease);
    return closes ? { ...after, ahead: [...after.ahead, fact.payload.lease] } : after;
  }, state);
}

/** Deadlines still open, to be armed again when a leader starts. */
export function openDeadlines(state: DeployState): readonly { lease: number; deadlineMs: number }[] {
  return state.open
    .filter((open) => open.status === 'planned')
    .map(({ lease, deadlineMs }) => ({ lease, deadlineMs }));
}

function failed(
  open: { readonly deploy: string; readonly lease: number; readonly runner?: string },
  why: DeployFailure,
  message: string,
  step: string,
): DeployFact {
  const { deploy, lease, runner } = open;
  return {
    intent: 'deploy.failed',
    step,
    payload: { deploy, lease, ...(runner === undefined ? {} : { runner }), why, message },
  };
}

function waiting(state: DeployState, target: Target): readonly OpenDeploy[] {
  return state.open.filter(
    (open) => open.action === 'apply' && open.status === 'planned' && isSameTarget(open.target, target),
  );
}

function without(state: DeployState, lease: number): readonly OpenDeploy[] {
  return state.open.filter((open) => open.lease !== lease);
}

function isSameTarget(a: Target, b: Target): boolean {
  return formatTarget(a) === formatTarget(b);
}
