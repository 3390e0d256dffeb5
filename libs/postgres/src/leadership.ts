import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { Lease } from './lease.ts';
import type { Pool } from './pool.ts';

/** The part of pino's logger that this needs. */
type Log = { info(fields: object, message: string): void; error(fields: object, message: string): void };

export type LeadershipOptions = {
  readonly pool: Pool;
  /** Of the lease: what is led, such as `ledger-0`. */
  readonly name: string;
  /** How long nobody leads when a leader is killed; 5 s. */
  readonly ttlMs?: number;
  /** From here on this process leads, under this epoch. Throwing gives the lease back. */
  readonly begin: (epoch: number) => Promise<void>;
  /** Everything a leader does has ended when it resolves. Called once for each `begin`, also one that threw. */
  readonly end: () => Promise<void>;
  readonly log: Log;
};

const AFTER_FAILURE_MS = 1_000;

/**
 * Contends for a lease for as long as the process lives: waits for it, leads, ends when it is lost, waits again. That two
 * believe to lead for a moment cannot be excluded; the epoch, or a compare-and-set, in every write decides.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #lease: Lease;
  readonly #stopping = new AbortController();
  #epoch: number | undefined;
  #depose: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const { pool, name, ttlMs } = options;
    this.#lease = new Lease({
      pool,
      name,
      holder: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
      ...(ttlMs === undefined ? {} : { ttlMs }),
      onLost: () => this.lose(),
    });
  }

  /** Undefined while somebody else leads, or nobody. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** Whether this process may believe that it leads, by a clock that never runs backwards: false at once after a pause that was too long. */
  isHeld(): boolean {
    return this.#lease.isHeld();
  }

  start(): void {
    this.#running = this.#contend();
  }

  /** Somebody else may lead from now on: end, and contend again. Safe to call at any time. */
  lose(): void {
    this.#depose();
  }

  /** Ends what a leader does, then lets another one lead at once. For good. */
  async release(): Promise<void> {
    this.#stopping.abort();
    this.#depose();
    await this.#running;
  }

  async #contend(): Promise<void> {
    const { name, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        const held = await this.#lease.hold(this.#stopping.signal);
        if (held !== null) await this.#lead(held.epoch);
      } catch (err) {
        log.error({ err, name }, 'leading failed');
        await wait(AFTER_FAILURE_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  async #lead(epoch: number): Promise<void> {
    const { name, begin, end, log } = this.#options;
    const deposed = new Promise<void>((resolve) => (this.#depose = resolve));
    if (this.#stopping.signal.aborted) this.#depose();
    try {
      await begin(epoch);
      this.#epoch = epoch;
      log.info({ name, epoch }, 'leading');
      await deposed;
    } finally {
      this.#epoch = undefined;
      this.#depose = () => undefined;
      try {
        await end();
      } finally {
        await this.#lease.release();
      }
      log.info({ name, epoch }, 'standby');
    }
  }
}
