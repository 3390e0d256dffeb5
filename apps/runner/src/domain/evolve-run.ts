import { HANDOFF_BROKEN_EXIT_CODE, type RestartPolicy } from '@logline/targets';
import { isActive, type Run } from './run.ts';
import type { RunEvent } from './run-event.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;
/** Who ran so long has recovered: the count of restarts begins anew, as Docker's own does. */
const RECOVERED_AFTER_MS = 10_000;

/** The run after an event. Pure: the journal is replayed through it. An event that says nothing new changes nothing. */
export function evolveRun(run: Run, event: RunEvent): Run {
  switch (event.type) {
    case 'verified':
      if (run.phase !== 'verify') return run;
      return {
        ...run,
        terms: event.terms,
        // a container found again has its secrets; one to be made may need them opened first
        phase: run.container !== null ? 'start' : event.terms.grants.length > 0 ? 'materialize' : 'create',
        materialize:
          event.terms.grants.length > 0 ? { attempt: 1, span: null, receipt: null, isLogged: false } : null,
      };
    case 'receipted':
      if (run.materialize?.span !== event.span) return run;
      return {
        ...run,
        materialize: { ...run.materialize, receipt: { index: event.index, timeMs: event.timeMs } },
      };
    case 'materializeLogged':
      // an earlier one of ours vouches for an earlier moment only
      if (run.materialize?.span !== event.span) return run;
      return { ...run, materialize: { ...run.materialize, isLogged: true } };
    case 'said': {
      const { materialize } = run;
      const isMaterialize = materialize !== null && event.intent === 'grant.materialize';
      return {
        ...run,
        said: run.said + 1,
        materialize: isMaterialize ? { ...materialize, span: event.span } : materialize,
      };
    }
    case 'opened':
      return run.phase === 'materialize' ? { ...run, phase: 'create' } : run;
    case 'lapsed': {
      if (!isActive(run)) return run;
      const attempt = (run.materialize?.attempt ?? 0) + 1;
      return {
        ...run,
        phase: 'materialize',
        materialize: { attempt, span: null, receipt: null, isLogged: false },
      };
    }
    case 'created':
      // an end that was asked for meanwhile must know what to remove
      if (!isActive(run)) return { ...run, container: event.container };
      return { ...run, phase: 'start', container: event.container, isApplied: true };
    case 'started':
      if (!isActive(run)) return run;
      return { ...run, phase: 'running', startedAtMs: event.startedAtMs };
    case 'exited':
      return isActive(run) ? afterExit(run, event) : run;
    case 'failed':
      return isActive(run)
        ? { ...run, phase: 'clean', failure: { why: event.why, message: event.message } }
        : run;
    case 'endAsked':
      return afterEndAsked(run, event);
    case 'cleaned':
      return run.phase === 'clean' ? { ...run, phase: 'over' } : run;
    case 'foundInLog':
      if (run.phase !== 'verify') return run;
      return {
        ...run,
        container: event.container ?? run.container,
        isApplied: true,
        startedAtMs: event.startedAtMs ?? run.startedAtMs,
      };
  }
}

function afterExit(run: Run, event: Extract<RunEvent, { type: 'exited' }>): Run {
  const pauseMs = restartPauseMs(run, event);
  if (pauseMs === null) return { ...run, phase: 'clean', isEndTold: true };
  return {
    ...run,
    phase: 'restart',
    restarts: hasRecovered(run, event) ? 1 : run.restarts + 1,
    restartAtMs: (event.finishedAtMs ?? 0) + pauseMs,
  };
}

function afterEndAsked(run: Run, { end }: Extract<RunEvent, { type: 'endAsked' }>): Run {
  if (!isActive(run)) return run;
  if (end.why === 'closed') return { ...run, end, phase: 'clean' };
  if (run.end !== null) return run;
  // what runs is stopped and its exit told; what never ran just goes
  const isUp = run.phase === 'running' || run.phase === 'restart';
  return { ...run, end, phase: isUp ? run.phase : 'clean' };
}

/** How long to wait before the next start; null when there is none. */
export function restartPauseMs(run: Run, event: Extract<RunEvent, { type: 'exited' }>): number | null {
  const policy = run.terms?.restart ?? ({ policy: 'never' } satisfies RestartPolicy);
  const isWanted = policy.policy === 'always' || (policy.policy === 'on-failure' && event.exitCode !== 0);
  if (!isWanted || run.end !== null || event.isVanished) return null;
  const restarts = hasRecovered(run, event) ? 0 : run.restarts;
  if (policy.maxRetries !== undefined && restarts >= policy.maxRetries) return null;
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(restarts, 10));
}

function hasRecovered(run: Run, event: Extract<RunEvent, { type: 'exited' }>): boolean {
  if (run.startedAtMs === null || event.finishedAtMs === null) return false;
  return event.finishedAtMs - run.startedAtMs >= RECOVERED_AFTER_MS;
}

/** Whether the process ended because its secrets never came. */
export function isBrokenHandoff(run: Run, exitCode: number | null): boolean {
  return (
    run.terms?.delivery === 'env' && run.terms.grants.length > 0 && exitCode === HANDOFF_BROKEN_EXIT_CODE
  );
}
