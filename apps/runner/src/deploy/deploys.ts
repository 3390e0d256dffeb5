import type { LocalSigner } from '@logline/canon-sign';
import type { Log } from '@logline/service';
import { isSamePlace } from '../domain/plan.ts';
import { nextStep } from '../domain/next-step.ts';
import { failed, reportsOf, type Self } from '../domain/reports.ts';
import type { Run } from '../domain/run.ts';
import type { RunEvent } from '../domain/run-event.ts';
import type { RunnerState } from '../domain/runner-state.ts';
import type { Memory } from '../journal/memory.ts';
import { toSaid } from '../report/to-said.ts';
import type { Steps } from './steps.ts';

/** Timers hold no more than this many milliseconds. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/**
 * Takes each run from step to step: the journal says where it stands, `nextStep` what follows, `Steps` does it, and what came of it
 * goes to the journal with the reports it leads to. One step of a run at a time; runs do not wait for each other.
 */
export class Deploys {
  readonly #memory: Memory;
  readonly #steps: Steps;
  readonly #self: Self;
  readonly #signer: LocalSigner;
  readonly #log: Log;
  /** Leases being driven; true when something happened meanwhile. */
  readonly #driving = new Map<number, boolean>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #interrupts = new Map<number, AbortController>();
  readonly #running = new Set<Promise<void>>();
  #onFatal: (error: unknown) => void = () => undefined;
  #isStopped = false;

  constructor(options: {
    readonly memory: Memory;
    readonly steps: Steps;
    readonly self: Self;
    readonly signer: LocalSigner;
    readonly log: Log;
  }) {
    this.#memory = options.memory;
    this.#steps = options.steps;
    this.#self = options.self;
    this.#signer = options.signer;
    this.#log = options.log;
  }

  start(onFatal: (error: unknown) => void): void {
    this.#onFatal = onFatal;
    this.#memory.onChange(() => this.#look());
    this.#look();
  }

  /** Leaves the containers as they are. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const interrupt of this.#interrupts.values()) interrupt.abort();
    await Promise.all(this.#running);
    this.#steps.forget();
  }

  #look(): void {
    if (this.#isStopped) return;
    const { runs, stops } = this.#memory.state;
    if (stops.size > 0) this.#keep(this.#handleStops());
    for (const [lease, run] of runs) {
      // a step that takes long must hear that it is over
      if (run.end !== null || run.phase === 'clean') this.#interrupts.get(lease)?.abort();
      this.#wake(lease);
    }
  }

  #wake(lease: number): void {
    if (this.#isStopped) return;
    if (this.#driving.has(lease)) {
      this.#driving.set(lease, true);
      return;
    }
    this.#driving.set(lease, false);
    this.#keep(this.#drive(lease));
  }

  #keep(work: Promise<void>): void {
    const kept = work
      .catch((error: unknown) => this.#onFatal(error))
      .finally(() => this.#running.delete(kept));
    this.#running.add(kept);
  }

  async #drive(lease: number): Promise<void> {
    do {
      this.#driving.set(lease, false);
      while (!this.#isStopped && (await this.#advance(lease))) continue;
    } while (this.#driving.get(lease) === true && !this.#isStopped);
    this.#driving.delete(lease);
  }

  /** One step; false when there is nothing to do now. */
  async #advance(lease: number): Promise<boolean> {
    const { state } = this.#memory;
    const run = state.runs.get(lease);
    if (run === undefined) return false;
    const isPlaceTaken = state.olderInPlace(run, isSamePlace).length > 0;
    const step = nextStep(run, { nowMs: Date.now(), isPlaceTaken });
    switch (step.do) {
      case 'wait':
        this.#arm(lease, step.untilMs);
        return false;
      case 'makeRoom':
        await this.#makeRoom(run);
        this.#arm(lease, run.plan.deadlineMs);
        return false;
      case 'giveUp':
        await this.#record(lease, { type: 'failed', why: 'timed_out', message: step.message });
        return true;
      default: {
        const interrupt = new AbortController();
        this.#interrupts.set(lease, interrupt);
        this.#log.debug({ lease, step: step.do, subject: run.plan.subject }, 'step');
        const event = await this.#steps.take(step.do, run, interrupt.signal);
        this.#interrupts.delete(lease);
        if (event !== null) await this.#record(lease, event);
        return true;
      }
    }
  }

  async #makeRoom(run: Run): Promise<void> {
    for (const older of this.#memory.state.olderInPlace(run, isSamePlace)) {
      if (older.end === null)
        await this.#record(older.plan.lease, { type: 'endAsked', end: { why: 'superseded' } });
    }
  }

  async #handleStops(): Promise<void> {
    await this.#memory.record((state) =>
      [...state.stops.values()].map((stop) => {
        const run = state.runToStop(stop, isSamePlace);
        if (run !== undefined) {
          return {
            t: 'event',
            lease: run.plan.lease,
            event: { type: 'endAsked', end: { why: 'stopped', stop } },
            said: [],
          } as const;
        }
        const report = failed(stop, this.#self, 'not_running', 'nothing of this container runs here');
        const said = toSaid(report, {
          self: this.#self,
          signer: this.#signer,
          lease: stop.lease,
          number: 0,
          nowMs: Date.now(),
        });
        return { t: 'stopHandled', stop, said: [said] } as const;
      }),
    );
  }

  async #record(lease: number, event: RunEvent): Promise<void> {
    this.#log.info(
      { lease, event: event.type, ...('why' in event ? { why: event.why, reason: event.message } : {}) },
      'run',
    );
    await this.#memory.record((state) => {
      const run = state.runs.get(lease);
      return run === undefined ? [] : [{ t: 'event', lease, event, said: this.#say(run, event) }];
    });
  }

  #say(run: Run, event: RunEvent): ReturnType<typeof toSaid>[] {
    const nowMs = Date.now();
    const by = { self: this.#self, signer: this.#signer, lease: run.plan.lease, nowMs };
    return reportsOf(run, event, this.#self).map((report, position) =>
      toSaid(report, { ...by, number: run.said + position }),
    );
  }

  #arm(lease: number, untilMs: number | null): void {
    clearTimeout(this.#timers.get(lease));
    this.#timers.delete(lease);
    if (untilMs === null) return;
    const delayMs = Math.min(MOST_TIMER_MS, Math.max(0, untilMs - Date.now()));
    this.#timers.set(
      lease,
      setTimeout(() => this.#wake(lease), delayMs),
    );
  }
}

/** For those who look at runs from outside. */
export function countRuns(state: RunnerState): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { phase } of state.runs.values()) counts[phase] = (counts[phase] ?? 0) + 1;
  return counts;
}
