import type { DeployFailure } from '@logline/contracts';
import type { RestartPolicy } from '@logline/targets';
import type { Plan } from './plan.ts';

/** One grant a deploy opens; hashes are of ciphertexts. */
export type GrantUse = { readonly grant: string; readonly artifact: string; readonly artifact_hash: string };

/**
 * Where a run stands. What a phase names may have been begun: it is journaled before the engine is asked, so that after a crash the
 * same step is taken again, and each step finds what an earlier try has done.
 */
export type Phase =
  | 'verify'
  | 'materialize' // grant.materialize is said; its receipt is the fresh checkpoint
  | 'create'
  | 'start'
  | 'running'
  | 'restart' // exited, and will be started again
  | 'clean' // the container must go
  | 'over';

/** Why a run must end before its time. `closed`: the log has closed the deploy, so that nothing may be reported any more. */
export type End =
  | { readonly why: 'stopped'; readonly stop: Plan }
  | { readonly why: 'superseded' }
  | { readonly why: 'closed' };

/** What the manifest asks of the runner itself, known once the plan is verified. */
export type Terms = {
  readonly grants: readonly GrantUse[];
  readonly delivery: 'file' | 'env';
  readonly restart: RestartPolicy;
  readonly stopTimeoutMs: number;
};

export type Run = {
  readonly plan: Plan;
  readonly phase: Phase;
  readonly terms: Terms | null;
  /** The latest `grant.materialize`: its span, its receipt, and whether our own reading of the log has come to it. */
  readonly materialize: {
    readonly attempt: number;
    /** Null until it is signed. */
    readonly span: string | null;
    readonly receipt: { readonly index: number; readonly timeMs: number } | null;
    readonly isLogged: boolean;
  } | null;
  readonly container: string | null;
  /** Whether `deploy.applied` was said. */
  readonly isApplied: boolean;
  /** Of the latest start that is known; null before the first. */
  readonly startedAtMs: number | null;
  /** Whether the log was told how it ended. */
  readonly isEndTold: boolean;
  readonly end: End | null;
  /** To be said once the container is gone. */
  readonly failure: { readonly why: DeployFailure; readonly message: string } | null;
  readonly restarts: number;
  readonly restartAtMs: number;
  /** Reports so far; numbers the next one's id. */
  readonly said: number;
};

export function newRun(plan: Plan): Run {
  return {
    plan,
    phase: 'verify',
    terms: null,
    materialize: null,
    container: null,
    isApplied: false,
    startedAtMs: null,
    isEndTold: false,
    end: null,
    failure: null,
    restarts: 0,
    restartAtMs: 0,
    said: 0,
  };
}

export function isActive(run: Run): boolean {
  return run.phase !== 'clean' && run.phase !== 'over';
}
