import { setTimeout as wait } from 'node:timers/promises';
import type { Log as Logger } from '@logline/jetstream';
import type { Lease } from '@logline/postgres';

export type LeadershipParts = {
  readonly lease: Lease;
  /** From here on this process is the partition's leader, under this epoch. Throwing gives the lease back. */
  readonly begin: (epoch: number) => Promise<void>;
  /** Everything a leader does has ended when it resolves. Called once for each `begin`, also one that threw. */
  readonly end: () => Promise<void>;
  readonly log: Logger;
};

const AFTER_FAILURE_MS = 1_000;

/**
 * Contends for the partition for as long as the process lives: waits for the lease, leads, ends when it is lost, waits again. That two believe to
 * lead for a moment cannot be excluded; the epoch in every commit decides.
 */
export class Leadership {
  readonly #parts: LeadershipParts;
  readonly #stopping = new AbortController();
  #epoch: number | undefined;
  #depose: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  start(): void {
    this.#running = this.#contend();
  }

  /** The lease is lost, or nobody can say that it is not. Safe to call at any time. */
  readonly lose = (): void => this.#depose();

  /** Ends what a leader does, then lets another one lead at once. */
  async release(): Promise<void> {
    this.#stopping.abort();
    this.#depose();
    await this.#running;
  }

  async #contend(): Promise<void> {
    const { lease, log } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      try {
        const held = await lease.hold(this.#stopping.signal);
        if (held !== null) await this.#lead(held.epoch);
      } catch (err) {
        log.error({ err }, 'leading failed');
        await wait(AFTER_FAILURE_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  async #lead(epoch: number): Promise<void> {
    const { lease, begin, end, log } = this.#parts;
    const deposed = new Promise<void>((resolve) => (this.#depose = resolve));
    if (this.#stopping.signal.aborted) this.#depose();
    try {
      await begin(epoch);
      this.#epoch = epoch;
      log.info({ epoch }, 'leading');
      await deposed;
    } finally {
      this.#epoch = undefined;
      this.#depose = () => undefined;
      await end();
      await lease.release();
      log.info({ epoch }, 'standby');
    }
  }
}
