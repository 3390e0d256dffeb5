import type { FactPlace } from '@logline/contracts';
import { TdlnError, type TenantKnowledge } from '@logline/tdln';
import type { NatsConnection } from '@nats-io/nats-core';
import { readFactsStream } from '../facts-stream.ts';
import { followFacts, type FollowedFact, type Following } from '../follow-facts.ts';
import { noLog, type Log } from '../log.ts';
import { sayMissing } from '../missing-facts.ts';

export type FollowKnowledgeOptions = {
  readonly nc: NatsConnection;
  /** Fed with every tenant's facts; what it holds already is not taken twice. */
  readonly known: TenantKnowledge;
  /** First stream sequence that may be new to it; 1 when it holds nothing. */
  readonly fromSequence: number;
  /** Something new is known of this tenant. */
  readonly onTaken?: (tenant: string) => void;
  /** Told of every fact that comes, known already or not. */
  readonly onPlace?: (place: FactPlace) => void;
  /** Facts cannot be followed at all. By default the process ends. */
  readonly onFatal?: (error: unknown) => void;
  readonly log?: Log;
};

/**
 * Keeps the knowledge of all tenants up to date with `FACTS`. When facts turn out to be missing (a snapshot newer or older than it said, a stream made
 * anew) it reads the stream from the beginning, once. A tenant whose facts are missing there too lacks them until they are republished, one whose log cannot be folded
 * is given up; the others go on.
 */
export async function followKnowledge(options: FollowKnowledgeOptions): Promise<Following> {
  const follower = new KnowledgeFollower(options);
  await follower.begin(await firstSequence(options));
  return follower;
}

/** A stream that ends before our position is another one than we knew. */
async function firstSequence({ nc, fromSequence }: FollowKnowledgeOptions): Promise<number> {
  const { lastSequence } = await readFactsStream(nc);
  return fromSequence <= lastSequence + 1 ? fromSequence : 1;
}

class KnowledgeFollower implements Following {
  readonly caughtUp: Promise<void>;
  readonly #options: FollowKnowledgeOptions;
  readonly #log: Log;
  #markCaughtUp: () => void = () => undefined;
  #following: Following | undefined;
  /** Whether everything there is has been handed over in this pass, so that what is missing is missing for good. */
  #isFromBeginning = false;
  #isStopped = false;

  constructor(options: FollowKnowledgeOptions) {
    this.#options = options;
    this.#log = options.log ?? noLog;
    this.caughtUp = new Promise((resolve) => {
      this.#markCaughtUp = resolve;
    });
  }

  sequence(): number {
    return this.#following?.sequence() ?? 0;
  }

  isHealthy(): boolean {
    return this.#following?.isHealthy() ?? false;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#following?.stop();
  }

  async begin(fromSequence: number): Promise<void> {
    this.#isFromBeginning = fromSequence === 1;
    const following = await followFacts(this.#options.nc, {
      fromSequence,
      log: this.#log,
      onFact: (fact) => this.#take(fact),
      onFatal: (error) => void this.#beginAgain(error),
    });
    this.#following = following;
    void following.caughtUp.then(() => this.#markCaughtUp());
  }

  #take(fact: FollowedFact): void {
    const { known, onTaken, onPlace } = this.#options;
    const { tenant, index } = fact.place;
    onPlace?.(fact.place);
    const before = known.of(tenant).index;
    const lacked = known.lackOf(tenant);
    try {
      known.take(fact);
    } catch (error) {
      const isGap = error instanceof TdlnError && error.code === 'GAP';
      if (isGap && !this.#isFromBeginning) throw error;
      if (isGap) known.lack(tenant, index);
      else known.giveUp(tenant);
      const lack = known.lackOf(tenant);
      const why = lack === null ? 'the log of a tenant cannot be followed' : sayMissing(lack);
      this.#log.error({ err: error, tenant, index }, why);
    }
    if (lacked !== null && known.lackOf(tenant) === null)
      this.#log.info({ tenant, from: lacked.from, index }, 'the facts that were missing have come');
    if (known.of(tenant).index !== before) onTaken?.(tenant);
  }

  async #beginAgain(error: unknown): Promise<void> {
    if (this.#isStopped) return;
    const { onFatal = endProcess } = this.#options;
    if (this.#isFromBeginning) return onFatal(error);
    this.#log.warn({ err: error }, 'facts are missing: reading all of them again');
    try {
      await this.#following?.stop();
      await this.begin(1);
    } catch (failure) {
      onFatal(failure);
    }
  }
}

function endProcess(error: unknown): void {
  throw error instanceof Error ? error : new Error('facts cannot be followed', { cause: error });
}
