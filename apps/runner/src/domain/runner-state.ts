import {
  checkerOf,
  DeployApplied,
  DeployFailed,
  DeployPlanned,
  GrantMaterialize,
  RunState,
} from '@logline/contracts';
import type { LogFold, VerifiedFact } from '../follow/log-fold.ts';
import { evolveRun } from './evolve-run.ts';
import { type Plan, toPlan } from './plan.ts';
import { isActive, newRun, type Run } from './run.ts';
import type { RunEvent } from './run-event.ts';

/** A signed report on its way to the log. */
export type Said = {
  readonly this: string;
  readonly intent: string;
  readonly lease: number;
  readonly trace: string;
  readonly entry: string;
};

export type Answered = {
  readonly span: string;
  readonly lease: number;
  /** Null for a no. */
  readonly receipt: { readonly index: number; readonly timeMs: number } | null;
};

/** Everything a runner remembers, rebuilt by replaying its journal. Only `apply…` methods change it, and only after the record is durable. */
export class RunnerState {
  readonly runner: string;
  readonly log: LogFold;
  /** By lease; kept until over and reported. */
  readonly runs: Map<number, Run>;
  /** Stops asked for and not done, by lease. */
  readonly stops: Map<number, Plan>;
  /** In order; the first is being sent. */
  readonly outbox: Said[];

  constructor(runner: string, log: LogFold, stored: StoredState = { runs: [], stops: [], outbox: [] }) {
    this.runner = runner;
    this.log = log;
    this.runs = new Map(stored.runs.map((run) => [run.plan.lease, run]));
    this.stops = new Map(stored.stops.map((plan) => [plan.lease, plan]));
    this.outbox = [...stored.outbox];
  }

  toStored(): StoredState {
    return { runs: [...this.runs.values()], stops: [...this.stops.values()], outbox: [...this.outbox] };
  }

  applyEvent(lease: number, event: RunEvent): void {
    const run = this.runs.get(lease);
    if (run === undefined) return;
    const evolved = evolveRun(run, event);
    this.runs.set(lease, evolved);
    // from here on the run itself remembers which stop it owes an answer
    if (evolved.end?.why === 'stopped') this.stops.delete(evolved.end.stop.lease);
  }

  applySaid(said: readonly Said[]): void {
    for (const one of said) {
      this.outbox.push(one);
      this.applyEvent(one.lease, { type: 'said', intent: one.intent, span: one.this });
    }
  }

  applyStopHandled(lease: number): void {
    this.stops.delete(lease);
  }

  /** The log has answered a report: it is done, whatever the answer. A no means that the deploy is not ours to tell about any more. */
  applyAnswered({ span, lease, receipt }: Answered): void {
    const position = this.outbox.findIndex((said) => said.this === span);
    if (position >= 0) this.outbox.splice(position, 1);
    if (receipt === null) this.applyEvent(lease, { type: 'endAsked', end: { why: 'closed' } });
    else this.applyEvent(lease, { type: 'receipted', span, ...receipt });
    this.#forget();
  }

  /** Facts of the log about deploys of this runner. Returns the leases they concern. */
  applyVerified({ span, timeMs, trace }: VerifiedFact): number | null {
    const { intent, payload } = span;
    switch (intent) {
      case 'deploy.planned': {
        if (!planned.check(payload) || payload.runner !== this.runner) return null;
        const plan = toPlan(span, payload, timeMs, trace);
        if (plan === null) return null;
        if (plan.action === 'stop') this.stops.set(plan.lease, plan);
        else if (!this.runs.has(plan.lease)) this.runs.set(plan.lease, newRun(plan));
        return plan.lease;
      }
      case 'grant.materialize':
        if (!materialize.check(payload)) return null;
        this.applyEvent(payload.lease, { type: 'materializeLogged', span: span.this });
        return payload.lease;
      case 'deploy.applied': {
        if (!applied.check(payload)) return null;
        if (payload.action === 'stop') this.stops.delete(payload.lease);
        else this.#found(payload.lease, payload.container, null);
        return payload.lease;
      }
      case 'deploy.failed':
        if (!failed.check(payload)) return null;
        this.stops.delete(payload.lease);
        this.applyEvent(payload.lease, { type: 'endAsked', end: { why: 'closed' } });
        return payload.lease;
      case 'run_state.running':
        if (!runState.check(payload)) return null;
        this.#found(payload.lease, payload.container, Date.parse(payload.started_at ?? '') || timeMs);
        return payload.lease;
      case 'run_state.exited':
      case 'run_state.failed':
        if (!runState.check(payload)) return null;
        this.applyEvent(payload.lease, { type: 'endAsked', end: { why: 'closed' } });
        return payload.lease;
      default:
        return null;
    }
  }

  /** Runs of the same place as `run`, older than it and not over. */
  olderInPlace(run: Run, isSame: (one: Plan, other: Plan) => boolean): readonly Run[] {
    return [...this.runs.values()].filter(
      (other) => other.plan.lease < run.plan.lease && other.phase !== 'over' && isSame(other.plan, run.plan),
    );
  }

  /** The latest active run of that place before a stop. */
  runToStop(stop: Plan, isSame: (one: Plan, other: Plan) => boolean): Run | undefined {
    return [...this.runs.values()]
      .filter(
        (run) => run.plan.lease < stop.lease && isActive(run) && run.end === null && isSame(run.plan, stop),
      )
      .toSorted((a, b) => b.plan.lease - a.plan.lease)[0];
  }

  #found(lease: number, container: string | undefined, startedAtMs: number | null): void {
    this.applyEvent(lease, { type: 'foundInLog', container: container ?? null, startedAtMs });
  }

  /** A run that is over and has nothing left to say is of no more use. */
  #forget(): void {
    const speaking = new Set(this.outbox.map((said) => said.lease));
    for (const [lease, run] of this.runs) {
      if (run.phase === 'over' && !speaking.has(lease)) this.runs.delete(lease);
    }
  }
}

export type StoredState = {
  readonly runs: readonly Run[];
  readonly stops: readonly Plan[];
  readonly outbox: readonly Said[];
};

const planned = checkerOf(DeployPlanned);
const materialize = checkerOf(GrantMaterialize);
const applied = checkerOf(DeployApplied);
const failed = checkerOf(DeployFailed);
const runState = checkerOf(RunState);
