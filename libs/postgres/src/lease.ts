import { acquireLease } from './acquire-lease.ts';
import { PostgresError } from './errors.ts';
import type { Pool } from './pool.ts';
import { releaseLease } from './release-lease.ts';
import { renewLease } from './renew-lease.ts';

export type LeaseOptions = {
  readonly pool: Pool;
  /** Such as `ledger-0`. */
  readonly name: string;
  /** Names this process; unique among those that contend. */
  readonly holder: string;
  /** How long it lasts without renewal; 5 s. Renewed three times as often. */
  readonly ttlMs?: number;
  /** The lease is gone, or may be: stop leading at once. Called once for each time it was held, never after `release()`. */
  readonly onLost: (why: 'taken' | 'expired') => void;
};

export type HeldLease = { readonly name: string; readonly epoch: number };

/**
 * Leadership as a row in PostgreSQL. Time alone never makes a leader safe: a paused process may believe
 * it leads. So every write of a leader carries its epoch (`fenceLease`, or `… WHERE epoch = $mine`).
 */
export class Lease {
  readonly #pool: Pool;
  readonly #name: string;
  readonly #holder: string;
  readonly #ttlMs: number;
  readonly #onLost: LeaseOptions['onLost'];
  #held: { readonly epoch: number; expiresAtMs: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  constructor({ pool, name, holder, ttlMs = 5_000, onLost }: LeaseOptions) {
    this.#pool = pool;
    this.#name = name;
    this.#holder = holder;
    this.#ttlMs = ttlMs;
    this.#onLost = onLost;
  }

  /** Whether this process may believe that it leads, by its own clock that never runs backwards. */
  isHeld(): boolean {
    return this.#held !== undefined && performance.now() < this.#held.expiresAtMs;
  }

  /** One try; null while somebody else holds it. From then on it renews itself. @throws PostgresError */
  async acquire(): Promise<HeldLease | null> {
    if (this.#held !== undefined)
      throw new PostgresError('FAILED', `the lease ${this.#name} is held already`);
    // counted from before the question: the database's own count starts later, so ours ends first
    const askedAtMs = performance.now();
    const epoch = await acquireLease(this.#pool, this.#name, this.#holder, this.#ttlMs);
    if (epoch === null) return null;
    const expiresAtMs = await this.#afterWaiting(epoch, askedAtMs);
    if (expiresAtMs === null) return null;
    this.#held = { epoch, expiresAtMs };
    this.#schedule();
    return { name: this.#name, epoch };
  }

  /**
   * When a lease just taken expires, by our clock; null when it is gone again. Where the question had to wait for the row there is little left of it by that clock, and who
   * leads for a moment only to be deposed does more harm than good: it is asked for once more, which is quick by now.
   */
  async #afterWaiting(epoch: number, askedAtMs: number): Promise<number | null> {
    const nowMs = performance.now();
    if (nowMs - askedAtMs < this.#ttlMs / 3) return askedAtMs + this.#ttlMs;
    return (await renewLease(this.#pool, this.#name, epoch, this.#ttlMs)) ? nowMs + this.#ttlMs : null;
  }

  /** Waits for its turn; null when the signal aborts first. A database that is away is waited for as well. */
  async hold(signal?: AbortSignal): Promise<HeldLease | null> {
    while (signal?.aborted !== true) {
      try {
        const held = await this.acquire();
        if (held !== null) return held;
      } catch (error) {
        if (!(error instanceof PostgresError) || error.code !== 'UNAVAILABLE') throw error;
      }
      await pause(Math.min(500, this.#ttlMs / 4), signal);
    }
    return null;
  }

  /** Gives it up, so that another can lead at once. Do it after the last write. Idempotent; a database that is away lets it expire. */
  async release(): Promise<void> {
    clearTimeout(this.#timer);
    const held = this.#held;
    this.#held = undefined;
    await this.#renewal;
    if (held === undefined) return;
    await releaseLease(this.#pool, this.#name, held.epoch).catch((error: unknown) => {
      if (!(error instanceof PostgresError) || error.code !== 'UNAVAILABLE') throw error;
    });
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew();
    }, this.#ttlMs / 3);
  }

  async #renew(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    const askedAtMs = performance.now();
    const remainingMs = held.expiresAtMs - askedAtMs;
    const answer = await Promise.race([
      renewLease(this.#pool, this.#name, held.epoch, this.#ttlMs).catch(() => undefined),
      pause(Math.max(0, remainingMs)).then(() => undefined),
    ]);
    if (this.#held !== held) return; // released meanwhile
    if (answer === true) {
      held.expiresAtMs = askedAtMs + this.#ttlMs;
      return this.#schedule();
    }
    if (answer === false) return this.#lose('taken');
    if (performance.now() >= held.expiresAtMs) return this.#lose('expired');
    this.#schedule();
  }

  #lose(why: 'taken' | 'expired'): void {
    this.#held = undefined;
    clearTimeout(this.#timer);
    this.#onLost(why);
  }
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
