import { eventually } from '@logline/testing';
import type { Action, Order, Report } from './orders.ts';
import { TorturedProcess } from './tortured-process.ts';
import type { TortureWorld } from './torture-world.ts';

export type Hit = { readonly step: string; readonly action: Action; readonly ledger: TorturedProcess };

export type PairEars = {
  readonly onHit: (hit: Hit) => void;
  readonly onSeen: (step: string) => void;
  readonly tell: (what: string) => void;
};

const RESTART_AFTER_MS = 200;

/**
 * Two ledgers that contend for the lease of one partition, as in an installation that takes a crash lightly: whoever dies is replaced. The lease of a dead one
 * is ended at once, as if its three seconds had passed; nothing else is made easier.
 */
export class LedgerPair {
  readonly #world: TortureWorld;
  readonly #ears: PairEars;
  readonly #partition: number;
  readonly ledgers: TorturedProcess[] = [];
  /** With those that died lately. */
  readonly all: TorturedProcess[] = [];
  #aheadMs = 0;
  #isClosed = false;
  started = 0;

  constructor(world: TortureWorld, partition: number, ears: PairEars) {
    this.#world = world;
    this.#partition = partition;
    this.#ears = ears;
    this.#startOne();
    this.#startOne();
  }

  /** Whoever says that it leads; undefined while nobody does. */
  get leader(): TorturedProcess | undefined {
    return this.ledgers.findLast(({ isLeading }) => isLeading);
  }

  /** One that does not lead. */
  get other(): TorturedProcess | undefined {
    const { leader } = this;
    return this.ledgers.find((one) => one !== leader);
  }

  /** Both are there, and one of them leads. */
  async settled(withinMs: number, besides?: TorturedProcess): Promise<void> {
    await eventually(
      () => {
        if (!this.ledgers.some((one) => one.isLeading && one !== besides)) throw new Error('nobody leads');
      },
      { withinMs },
    );
  }

  order(order: Order): void {
    if (order.kind === 'clock') this.#aheadMs = order.aheadMs;
    for (const ledger of this.ledgers) ledger.order(order);
  }

  /** As if its time had passed: another one may lead, whatever this one believes. */
  async endLease(ledger: TorturedProcess): Promise<void> {
    for (let attempt = 0; attempt < 20 && !this.#isClosed; attempt++) {
      const isDone = await this.#world
        .ask(
          `UPDATE lease SET until = clock_timestamp() WHERE holder LIKE $1 AND until > clock_timestamp()`,
          [`%/${ledger.pid}/%`],
        )
        .then(
          () => true,
          () => false, // away, or locked by a transaction that is not over: the lease runs out by itself
        );
      if (isDone) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.ledgers.map((ledger) => (ledger.signal('SIGCONT'), ledger.kill())));
  }

  #startOne(): void {
    if (this.#isClosed) return;
    this.started++;
    const { main, env } = this.#world;
    const own = { LOGLINE_LEDGER_LEADS: String(this.#partition), TORTURE_CLOCK_MS: String(this.#aheadMs) };
    const ledger = new TorturedProcess(
      [main],
      { ...env, ...own },
      {
        onReport: (report, from) => hear(this.#ears, report, from),
        onExit: (gone) => this.#replace(gone),
      },
    );
    this.ledgers.push(ledger);
    this.all.push(ledger);
    if (this.all.length > 8) this.all.shift();
  }

  #replace(gone: TorturedProcess): void {
    this.ledgers.splice(this.ledgers.indexOf(gone), 1);
    if (this.#isClosed) return;
    this.#ears.tell(`pid ${gone.pid} has ended`);
    void this.endLease(gone);
    setTimeout(() => this.#startOne(), RESTART_AFTER_MS);
  }
}

/** Passes on what a process says about its steps. */
export function hear(ears: PairEars, report: Report, from: TorturedProcess): void {
  if (report.kind === 'seen') return ears.onSeen(report.step);
  ears.tell(`${report.action} at ${report.step}, pid ${from.pid}${from.isLeading ? ', the leader' : ''}`);
  ears.onHit({ step: report.step, action: report.action, ledger: from });
}
