export type PaceOptions = {
  /** Turns a second for long. */
  readonly perSecond: number;
  /** Turns that may begin at once after a rest. */
  readonly burst: number;
};

/**
 * When the next turn of a reader may begin. A turn costs much of its own (a transaction, statements, an fsync), and what more it takes costs little: under
 * load few large turns do the work of many small ones. After a rest `burst` of them begin at once, so that nobody waits where little happens.
 */
export class Pace {
  readonly #msPerTurn: number;
  readonly #burst: number;
  #turns: number;
  #countedMs = -Infinity;

  constructor({ perSecond, burst }: PaceOptions) {
    this.#msPerTurn = 1_000 / perSecond;
    this.#burst = burst;
    this.#turns = burst;
  }

  /** Counts the turn that begins, and says how many milliseconds it should wait. `nowMs` never goes backwards. */
  begin(nowMs: number): number {
    const earned = (nowMs - this.#countedMs) / this.#msPerTurn;
    this.#turns = Math.min(this.#burst, this.#turns + earned) - 1;
    this.#countedMs = nowMs;
    return this.#turns >= 0 ? 0 : -this.#turns * this.#msPerTurn;
  }
}

/** Of those that write what they read of facts to a database: under load they are this much behind, and no more for it. */
export const WRITERS_PACE: PaceOptions = { perSecond: 20, burst: 20 };
