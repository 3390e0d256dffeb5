import { eventually } from '@logline/testing';
import type { Action, Order, Report } from './orders.ts';
import { TorturedLedger } from './tortured-ledger.ts';
import type { TortureWorld } from './torture-world.ts';

export type Hit = { readonly step: string; readonly action: Action; readonly ledger: TorturedLedger };

export type PairEars = {
  readonly onHit: (hit: Hit) => void;
  readonly onSeen: (step: string) => void;
  readonly tell: (what: string) => void;
};

const RESTART_AFTER_MS = 200;

/**
 * Two ledgers that contend for the lease, as in an installation that takes a crash lightly: whoever dies is replaced. The lease of a dead one is ended
 * at once, as if its three seconds had passed; nothing else is made easier.
 */
export class LedgerPair {
  readonly #world: TortureWorld;
  readonly #ears: PairEars;
  readonly ledgers: TorturedLedger[] = [];
  /** With those that died lately. */
  readonly all: TorturedLedger[] = [];
  #aheadMs = 0;
  #isClosed = false;
  started = 0;

  constructor(world: TortureWorld, ears: PairEars) {
    this.#world = world;
    this.#ears = ears;
    this.#startOne();
    this.#startOne();
  }

  /** Whoever says that it leads; undefined while nobody does. */
  get leader(): TorturedLedger | undefined {
    return this.ledgers.findLast(({ isLeading }) => isLeading);
  }

  /** One that does not lead. */
  get other(): TorturedLedger | undefined {
    const { leader } = this;
    return this.ledgers.find((one) => one !== leader);
  }

  /** Both are there, and one of them leads. */
  async settled(withinMs: number, besides?: TorturedLedger): Promise<void> {
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
  async endLease(ledger: TorturedLedger): Promise<void> {
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
    const ledger = new TorturedLedger(this.#world.main, this.#world.env, this.#aheadMs, {
      onReport: (report, from) => this.#hear(report, from),
      onExit: (gone) => this.#replace(gone),
    });
    this.ledgers.push(ledger);
    this.all.push(ledger);
    if (this.all.length > 8) this.all.shift();
  }

  #hear(report: Report, ledger: TorturedLedger): void {
    if (report.kind === 'seen') return this.#ears.onSeen(report.step);
    this.#ears.tell(
      `${report.action} at ${report.step}, pid ${ledger.pid}${ledger.isLeading ? ', the leader' : ''}`,
    );
    this.#ears.onHit({ step: report.step, action: report.action, ledger });
  }

  #replace(gone: TorturedLedger): void {
    this.ledgers.splice(this.ledgers.indexOf(gone), 1);
    if (this.#isClosed) return;
    this.#ears.tell(`pid ${gone.pid} has ended`);
    void this.endLease(gone);
    setTimeout(() => this.#startOne(), RESTART_AFTER_MS);
  }
}
