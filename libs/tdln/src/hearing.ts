import type { Fault } from './fault.ts';
import type { Knowledge } from './knowledge.ts';

/** A wallet's clock may be this far ahead of ours. */
export const AHEAD_MS: number = 2 * 60_000;

/**
 * One span being judged: what was looked at, what is wrong, and until when a yes holds. Rules ask it for keys they rest on
 * before they look, so that a no is answered only while what it rests on is still so.
 */
export class Hearing {
  readonly knowledge: Knowledge;
  /** Log time as far as it is known; for a logged fact, its own. */
  readonly nowMs: number;
  /** How far ahead of `nowMs` a wallet's clock may be. */
  readonly aheadMs: number;
  readonly #reads = new Set<string>();
  readonly #faults: Fault[] = [];
  #validUntilMs = Number.POSITIVE_INFINITY;

  constructor(knowledge: Knowledge, nowMs: number, aheadMs: number = AHEAD_MS) {
    this.knowledge = knowledge;
    this.aheadMs = aheadMs;
    // log time never runs backwards, so nothing is judged at a time before the last fact
    this.nowMs = Math.max(nowMs, knowledge.timeMs);
  }

  read(...keys: readonly string[]): void {
    for (const key of keys) this.#reads.add(key);
  }

  refuse(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  /** The verdict holds only while log time is not past this. */
  until(ms: number | null): void {
    if (ms !== null) this.#validUntilMs = Math.min(this.#validUntilMs, ms);
  }

  get faults(): readonly Fault[] {
    return this.#faults;
  }

  /** Undefined when nothing that the verdict rests on expires. */
  get validUntilMs(): number | undefined {
    return Number.isFinite(this.#validUntilMs) ? this.#validUntilMs : undefined;
  }

  /**
   * Everything up to `knowledge.index` was folded, so no key has a later write that this verdict knows of; the ledger sends it
   * back when one of them was written after that.
   */
  get reads(): Record<string, number> {
    return Object.fromEntries([...this.#reads].map((key) => [key, this.knowledge.index]));
  }
}
