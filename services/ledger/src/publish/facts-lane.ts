import type { FactMessage, Log as Logger } from '@logline/jetstream';
import { pause, untilAborted } from '../append/pause.ts';
import { type Fact, type FactLog, toMessage } from './fact.ts';
import { fillFacts, UNIT_FACTS } from './fill-facts.ts';

/** Up to `size` the log is committed; `facts` are its newest entries, as far as they are still in memory. */
export type Committed = { readonly log: FactLog; readonly size: number; readonly facts: readonly Fact[] };

export type FactsLaneParts = {
  /** Said with every fact; 0 by default. */
  readonly partition?: number;
  /** Stores them in order, or throws; then any number of the first ones may be stored. */
  readonly publish: (messages: readonly FactMessage[]) => Promise<unknown>;
  /** Log index of the tenant's last fact that is in the stream, or was and has aged; −1 for none. Never stale. */
  readonly lastPublished: (tenant: string) => Promise<number>;
  /** Committed entries in `[from, to)`, in order, at least one. */
  readonly readFacts: (log: FactLog, from: number, to: number) => Promise<readonly Fact[]>;
  readonly log: Logger;
};

/** How many facts may wait before intake stops. */
const MOST_WAITING = 20_000;
const MOST_WAITING_BYTES = 64 * 1024 * 1024;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Facts out, in the order of their logs, one unit in flight: n+1 never before n is stored (architecture, write path 4). What has been
 * published is read from the stream itself, at the start and after every doubt; what is missing there comes from PostgreSQL. So a crash
 * between COMMIT and here delays a fact and never loses or doubles one.
 */
export class FactsLane {
  readonly #parts: FactsLaneParts;
  #waiting: Committed[] = [];
  #waitingFacts = 0;
  #waitingBytes = 0;
  /** By tenant: index of the next fact to publish. Absent: ask the stream. */
  #next = new Map<string, number>();
  #isDoubtful = false;
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #wake: () => void = noOp;
  #wakeIntake = new Set<() => void>();

  constructor(parts: FactsLaneParts) {
    this.#parts = parts;
  }

  /** Facts committed and not yet known to be stored in the stream. */
  get backlog(): number {
    return this.#waitingFacts;
  }

  /** The stream took the last unit, and there is room for more. */
  isFlowing(): boolean {
    return !this.#isDoubtful && !this.#isFull();
  }

  /** Begins anew: each of these logs is first brought up to its size. */
  start(logs: readonly { readonly log: FactLog; readonly size: number }[]): void {
    const stopping = new AbortController();
    this.#stopping = stopping;
    this.#next.clear();
    this.#isDoubtful = false;
    for (const { log, size } of logs) this.push({ log, size, facts: [] });
    this.#running = this.#run(stopping.signal);
  }

  /** Resolves when nothing is in flight any more. What waits is dropped: it is in PostgreSQL. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    await this.#running;
    this.#waiting = [];
    this.#waitingFacts = 0;
    this.#waitingBytes = 0;
    this.#isDoubtful = false; // of the stream's health a standby knows nothing
    this.#letIntakeGo();
  }

  /** Somebody else may have published: what the stream holds is asked anew, of every log. */
  doubt(): void {
    this.#next = new Map();
  }

  /** Never waits; whoever commits asks for `room` first. */
  push(committed: Committed): void {
    this.#waiting.push(committed);
    this.#waitingFacts += committed.facts.length;
    this.#waitingBytes += bytesOf(committed);
    this.#wake();
  }

  /** Waits until the backlog is short enough for another commit. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#isFull() && !signal.aborted) {
      await untilAborted(signal, (wake) => this.#wakeIntake.add(wake));
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!signal.aborted) {
      const unit = this.#firstUnit();
      if (unit.length === 0) {
        await untilAborted(signal, (wake) => (this.#wake = wake));
        continue;
      }
      try {
        await this.#publish(unit, signal);
        if (signal.aborted) return;
        this.#forgetFirst(unit.length);
        this.#isDoubtful = false;
        attempt = 0;
      } catch (err) {
        // any of the unit may be stored: only the stream knows
        for (const { log } of unit) this.#next.delete(log.tenant);
        this.#isDoubtful = true;
        attempt++;
        this.#parts.log.warn(
          { err, attempt, backlog: this.backlog },
          'facts are waiting: the stream does not take them',
        );
        await pause(Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 10)), signal);
      }
    }
  }

  /** As many commits as make up one unit; at least one if any waits. */
  #firstUnit(): readonly Committed[] {
    let facts = 0;
    const end = this.#waiting.findIndex((committed) => (facts += committed.facts.length) > UNIT_FACTS);
    return this.#waiting.slice(0, end === -1 ? undefined : Math.max(1, end));
  }

  async #publish(unit: readonly Committed[], signal: AbortSignal): Promise<void> {
    let messages: FactMessage[] = [];
    const next = new Map<string, number>();
    const known = this.#next; // another one after a doubt
    for (const { log, size, facts } of unit) {
      const first = size - facts.length;
      const from =
        next.get(log.tenant) ?? known.get(log.tenant) ?? (await this.#parts.lastPublished(log.tenant)) + 1;
      if (from < first) {
        // what is gathered comes before what is missing
        if (messages.length > 0) await this.#parts.publish(messages);
        messages = [];
        await fillFacts(this.#parts, log, from, first, { signal });
      }
      if (signal.aborted) return;
      for (const fact of facts)
        if (fact.index >= from) messages.push(toMessage(fact, log, this.#parts.partition));
      next.set(log.tenant, Math.max(from, size));
    }
    if (messages.length > 0) await this.#parts.publish(messages);
    for (const [tenant, index] of next) known.set(tenant, index);
  }

  #forgetFirst(count: number): void {
    for (const committed of this.#waiting.splice(0, count)) {
      this.#waitingFacts -= committed.facts.length;
      this.#waitingBytes -= bytesOf(committed);
    }
    if (!this.#isFull()) this.#letIntakeGo();
  }

  #isFull(): boolean {
    return this.#waitingFacts >= MOST_WAITING || this.#waitingBytes >= MOST_WAITING_BYTES;
  }

  #letIntakeGo(): void {
    for (const wake of this.#wakeIntake) wake();
    this.#wakeIntake.clear();
  }
}

function bytesOf({ facts }: Committed): number {
  return facts.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function noOp(): void {}
