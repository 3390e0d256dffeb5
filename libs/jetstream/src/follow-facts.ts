import { ALL_STORED_FACTS, ContractError, STREAMS, type FactPlace } from '@logline/contracts';
import { nuid, type NatsConnection } from '@nats-io/nats-core';
import { callApi } from './api.ts';
import type { JetStreamContext } from './context.ts';
import { readFactsStream } from './facts-stream.ts';
import { noLog, type Log } from './log.ts';
import { Puller } from './puller.ts';

export type FollowedFact = {
  readonly bytes: Uint8Array;
  /** Whose fact it is stands here; where it lies (`subject`) proves nothing, see `placeOfFact`. */
  readonly place: FactPlace;
  readonly subject: string;
  /** In `FACTS`; follow again from the one behind it. */
  readonly sequence: number;
};

export type FollowOptions = {
  /** `ALL_STORED_FACTS` by default. */
  readonly filter?: string;
  /** First stream sequence wanted; 1 for all. */
  readonly fromSequence: number;
  /** One at a time, in order, each exactly once in this process. Not awaited longer than needed: a slow one only slows this reader. */
  readonly onFact: (fact: FollowedFact) => void | Promise<void>;
  /** `onFact` threw: following has stopped. What has no place in a log is nobody's fact and is passed over, see `placeOfFact`. */
  readonly onFatal: (error: unknown) => void;
  readonly log?: Log;
};

export type Following = {
  /** Resolves when everything that was stored at the start has been handed over. */
  readonly caughtUp: Promise<void>;
  /** Sequence of the last fact handed over. */
  sequence(): number;
  isHealthy(): boolean;
  stop(): Promise<void>;
};

const LIMIT = 512;
const LOOK_EVERY_MS = 1_000;
/** The server removes a follower it has not heard from. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Hands over the facts of `FACTS` from a position on, in order and without gaps, for as long as the process lives. It keeps no position
 * anywhere: that is the caller's. A consumer that is lost is made again behind the last fact handed over.
 * @throws JetStreamError when the first consumer cannot be made
 */
export async function followFacts(nc: NatsConnection, options: FollowOptions): Promise<Following> {
  const follower = new Follower(nc, options);
  await follower.begin();
  return follower;
}

class Follower implements Following {
  readonly caughtUp: Promise<void>;
  readonly #nc: NatsConnection;
  readonly #options: FollowOptions;
  readonly #log: Log;
  #markCaughtUp: () => void = () => undefined;
  #puller: Puller | undefined;
  #consumer = '';
  /** Of messages received, delivered, and handed over: received runs ahead of handed over by the queue. */
  #received: number;
  #delivered = 0;
  #handedOver: number;
  #target = 0;
  #queue: JetStreamContext[] = [];
  #draining: Promise<void> | undefined;
  #isRecreating = false;
  #looking: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(nc: NatsConnection, options: FollowOptions) {
    this.#nc = nc;
    this.#options = options;
    this.#log = options.log ?? noLog;
    this.#received = options.fromSequence - 1;
    this.#handedOver = options.fromSequence - 1;
    this.caughtUp = new Promise((resolve) => {
      this.#markCaughtUp = resolve;
    });
  }

  async begin(): Promise<void> {
    this.#target = (await readFactsStream(this.#nc)).lastSequence;
    await this.#create();
    const looking = setInterval(() => void this.#lookForAged(), LOOK_EVERY_MS);
    void this.caughtUp.then(() => clearInterval(looking));
    this.#looking = looking;
  }

  sequence(): number {
    return this.#handedOver;
  }

  isHealthy(): boolean {
    return !this.#isStopped && (this.#puller?.isHealthy() ?? false);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#looking);
    this.#puller?.stop();
    this.#queue = [];
    await this.#draining;
    await callApi(this.#nc, `CONSUMER.DELETE.${STREAMS.facts}.${this.#consumer}`, undefined).catch(
      () => undefined,
    );
  }

  async #create(): Promise<void> {
    const filter = this.#options.filter ?? ALL_STORED_FACTS;
    const name = `follow_${nuid.next()}`;
    const answer = await callApi(this.#nc, `CONSUMER.CREATE.${STREAMS.facts}.${name}.${filter}`, {
      stream_name: STREAMS.facts,
      action: 'create',
      config: {
        name,
        filter_subject: filter,
        ack_policy: 'none',
        deliver_policy: 'by_start_sequence',
        opt_start_seq: this.#received + 1,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: FORGOTTEN_AFTER_MS * 1_000_000,
      },
    });
    this.#consumer = name;
    this.#delivered = 0;
    if (answer['num_pending'] === 0 && this.#queue.length === 0) this.#markCaughtUp();
    this.#puller?.stop();
    this.#puller = new Puller({
      nc: this.#nc,
      stream: STREAMS.facts,
      consumer: name,
      log: this.#log,
      capacity: () => (this.#queue.length < LIMIT / 2 ? LIMIT - this.#queue.length : 0),
      onMessage: (message) => this.#take(message),
      onInterrupted: () => void this.#recreate(),
    });
    if (!this.#isStopped) this.#puller.start();
  }

  /** What was stored at the start may age before it is handed over, and then nothing comes that would say so. */
  async #lookForAged(): Promise<void> {
    try {
      const { firstSequence } = await readFactsStream(this.#nc);
      if (firstSequence > this.#target && this.#queue.length === 0 && this.#draining === undefined)
        this.#markCaughtUp();
    } catch (error) {
      this.#log.debug({ err: error }, 'the stream of facts does not answer now');
    }
  }

  async #recreate(): Promise<void> {
    if (this.#isRecreating || this.#isStopped) return;
    this.#isRecreating = true;
    this.#puller?.stop();
    for (let attempt = 0; !this.#isStopped && !this.#nc.isClosed(); attempt++) {
      try {
        await this.#create();
        break;
      } catch (error) {
        if (attempt % 20 === 0) this.#log.warn({ err: error }, 'facts cannot be followed now');
        await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, 50 * 2 ** Math.min(attempt, 5))));
      }
    }
    this.#isRecreating = false;
  }

  #take(message: JetStreamContext): void {
    if (message.consumer !== this.#consumer) return; // of a consumer given up
    if (message.deliverySequence !== this.#delivered + 1) return void this.#recreate(); // one was lost on the way
    this.#delivered = message.deliverySequence;
    this.#received = message.sequence;
    this.#queue.push(message);
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  #placeOf(message: JetStreamContext): FactPlace | null {
    try {
      return message.place;
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.#log.error(
        { err: error, subject: message.subject, sequence: message.sequence },
        'not a fact: passed over',
      );
      return null;
    }
  }

  async #drain(): Promise<void> {
    try {
      for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
        const { bytes, subject, sequence } = message;
        const place = this.#placeOf(message);
        if (place !== null) await this.#options.onFact({ bytes, place, subject, sequence });
        this.#handedOver = sequence;
        if (sequence >= this.#target || message.pending === 0) this.#markCaughtUp();
        this.#puller?.pull();
      }
    } catch (error) {
      this.#isStopped = true;
      clearInterval(this.#looking);
      this.#puller?.stop();
      this.#options.onFatal(error);
    }
  }
}
