import { formatInstant } from '@logline/contracts';
import { JetStreamError } from '@logline/jetstream';
import { decideAnchor, isSame, type Tip } from '../domain/anchor.ts';
import { LedgerError } from '../errors.ts';
import type { AppendConnection } from '../storage/append-connection.ts';
import { loadTip } from '../storage/load-tip.ts';
import type { AnchorStore } from './anchor.store.ts';

export type AnchorKeeperParts = {
  readonly partition: number;
  readonly leaseName: string;
  readonly store: AnchorStore;
  readonly clock: () => number;
};

/** How often a lost race is run again: whoever wins it has a newer epoch, so once is enough. */
const MOST_TRIES = 3;

/**
 * One partition's anchor, as its leader moves it: COMMIT, then here, then replies. What has been set is remembered; after any doubt it is read
 * again and held against the database. Owned by the append loop; one call at a time.
 */
export class AnchorKeeper {
  readonly #parts: AnchorKeeperParts;
  #set: { readonly tip: Tip; readonly epoch: number; readonly sequence: number } | undefined;
  /** The last epoch that has set it from here. */
  #epochSet = 0;

  constructor(parts: AnchorKeeperParts) {
    this.#parts = parts;
  }

  /** The commit it stands at, as far as this process knows; undefined while that is in doubt. */
  get position(): number | undefined {
    return this.#set?.tip.position;
  }

  /** Nothing is remembered any more: it is read before the next commit. */
  doubt(): void {
    this.#set = undefined;
  }

  /**
   * The database's last commit, once the anchor stands at it, so that the next one may be signed. At once while nothing is in doubt; else the
   * anchor is read, and set where this leader's own last commit is not in it yet.
   * @throws LedgerError `BEHIND_ANCHOR`, `ANCHOR_MISSING`, `LEASE_LOST`; JetStreamError; PostgresError
   */
  async stand(connection: AppendConnection, epoch: number): Promise<Tip> {
    if (this.#set?.epoch === epoch) return this.#set.tip;
    const { partition, leaseName, store } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      await connection.open();
      // the database last: a commit of an epoch before, which the lease has ended, is in it
      const { anchor, sequence } = await store.read(partition);
      const { tip, isEmpty, epoch: current } = await loadTip(connection, partition, leaseName);
      if (current !== epoch) throw new LedgerError('LEASE_LOST', `epoch ${epoch} of ${leaseName} is over`);
      const hasSet = this.#epochSet === epoch;
      const decision = decideAnchor({ tip, isEmpty, epoch, hasSet }, anchor);
      switch (decision.kind) {
        case 'refuse':
          throw new LedgerError(decision.code, `the anchor of partition ${partition}: ${decision.why}`);
        case 'stands':
          this.#set = { tip, epoch, sequence: sequence };
          return tip;
        case 'set':
          try {
            await this.#setTo(tip, epoch, sequence);
            return tip;
          } catch (error) {
            const isLost = error instanceof JetStreamError && error.code === 'CONFLICT';
            if (!isLost || attempt === MOST_TRIES) throw error;
          }
      }
    }
  }

  /**
   * Behind a COMMIT: the anchor moves on by exactly this commit. After any error it is in doubt, and `stand` finds out.
   * @throws JetStreamError `CONFLICT` when somebody else has moved it, or a lost answer was ours; `UNAVAILABLE` …
   */
  async follow(tip: Tip, epoch: number): Promise<void> {
    const last = this.#set;
    this.#set = undefined;
    if (last?.epoch !== epoch || !isSame(last.tip.chain, tip.previous))
      throw new LedgerError('LOG_MOVED', 'a commit that does not follow the one the anchor stands at');
    await this.#setTo(tip, epoch, last.sequence);
  }

  async #setTo(tip: Tip, epoch: number, expected: number): Promise<void> {
    const { partition, store, clock } = this.#parts;
    const { position, chain } = tip;
    // counted as ours before the answer: it may be set though none comes
    this.#epochSet = epoch;
    const sequence = await store.set(
      { partition, position, epoch, chain, at: formatInstant(clock()) },
      expected,
    );
    this.#set = { tip, epoch, sequence };
  }
}
