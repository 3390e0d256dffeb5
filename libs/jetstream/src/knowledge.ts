import { STREAMS, type FactPlace } from '@logline/contracts';
import { TdlnError, type TenantKnowledge } from '@logline/tdln';
import type { NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { followFacts, type FollowedFact, type Following } from './follow-facts.ts';
import { noLog, type Log } from './log.ts';

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
 * anew) it reads the stream from the beginning, once; a tenant whose log still cannot be folded is given up, and the others go on.
 */
export async function followKnowledge(options: FollowKnowledgeOptions): Promise<Following> {
  const follower = new KnowledgeFollower(options);
  await follower.begin(await firstSequence(options));
  return follower;
}

/** A stream that ends before our position is another one than we knew. */
async function firstSequence({ nc, fromSequence }: FollowKnowledgeOptions): Promise<number> {
  const { state } = await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined);
  const last = isRecord(state) ? state['last_seq'] : undefined;
  return typeof last === 'number' && fromSequence <= last + 1 ? fromSequence : 1;
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
    try {
      known.take(fact);
    } catch (error) {
      const isGap = error instanceof TdlnError && error.code === 'GAP';
      if (isGap && !this.#isFromBeginning) throw error;
      known.giveUp(tenant);
      this.#log.error({ err: error, tenant, index }, 'the log of a tenant cannot be followed');
    }
    onTaken?.(tenant);
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
