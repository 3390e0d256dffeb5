import type { Run } from './run.ts';

/** What to do next for a run. */
export type Step =
  | { readonly do: 'verify' | 'open' | 'create' | 'start' | 'watch' | 'stop' | 'clean' }
  /** The older run of the same place must end first. */
  | { readonly do: 'makeRoom' }
  | { readonly do: 'giveUp'; readonly message: string }
  /** Nothing, until an event or this moment. */
  | { readonly do: 'wait'; readonly untilMs: number | null };

export type Circumstances = {
  readonly nowMs: number;
  /** Whether an older run of the same container in the same place is not over yet. */
  readonly isPlaceTaken: boolean;
};

/** The next step of a run. Pure; a step interrupted by a crash comes again. */
export function nextStep(run: Run, { nowMs, isPlaceTaken }: Circumstances): Step {
  const { phase, plan, materialize } = run;
  // what has once started has kept its deadline
  const isLate = nowMs >= plan.deadlineMs && run.startedAtMs === null;
  const isStarting = phase === 'verify' || phase === 'materialize' || phase === 'create' || phase === 'start';
  if (isLate && isStarting)
    return { do: 'giveUp', message: `not done by ${new Date(plan.deadlineMs).toISOString()}` };
  switch (phase) {
    case 'verify':
      return { do: 'verify' };
    case 'materialize':
      if (materialize === null || materialize.receipt === null || !materialize.isLogged)
        return { do: 'wait', untilMs: plan.deadlineMs };
      return { do: 'open' };
    case 'create':
      return { do: 'create' };
    case 'start':
      return isPlaceTaken ? { do: 'makeRoom' } : { do: 'start' };
    case 'running':
      return run.end === null ? { do: 'watch' } : { do: 'stop' };
    case 'restart':
      if (run.end !== null) return { do: 'stop' };
      return nowMs >= run.restartAtMs ? { do: 'start' } : { do: 'wait', untilMs: run.restartAtMs };
    case 'clean':
      return { do: 'clean' };
    case 'over':
      return { do: 'wait', untilMs: null };
  }
}
