import { CONSUMERS, ContractError, type FactPlace, STREAMS } from '@logline/contracts';
import {
  callApi,
  classifyBy,
  type JetStreamContext,
  JetStreamError,
  placeOfFact,
  pullMessages,
  resetConsumer,
} from '@logline/jetstream';
import type { Log } from '@logline/service';
import type { NatsConnection } from '@nats-io/nats-core';
import { RUNNER_FAULTS } from '../errors.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { Memory } from '../journal/memory.ts';

const AT_ONCE = 128;
const AGAIN_MS = 1000;

/**
 * Reads the tenant's facts by the runner's own durable, into the journal first. The durable only delivers: where to read on, and whether
 * what is read is the log, the journal decides. A journal that was lost starts over from the first fact.
 */
export class Follower {
  readonly #nc: NatsConnection;
  readonly #consumer: string;
  readonly #memory: Memory;
  readonly #log: Log;
  readonly #caughtUp = Promise.withResolvers<void>();
  #loop: ReturnType<typeof pullMessages> | undefined;
  #isCaughtUp = false;
  #isStopped = false;

  constructor(options: {
    readonly nc: NatsConnection;
    readonly user: string;
    readonly memory: Memory;
    readonly log: Log;
  }) {
    this.#nc = options.nc;
    this.#consumer = CONSUMERS.runner(options.user);
    this.#memory = options.memory;
    this.#log = options.log;
  }

  /** Resolves once everything stored at the start was read. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  get isHealthy(): boolean {
    return this.#isCaughtUp && (this.#loop?.loop.isHealthy() ?? false);
  }

  start(onFatal: (error: unknown) => void): void {
    void this.#begin(onFatal).catch(onFatal);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop?.close();
  }

  async #begin(onFatal: (error: unknown) => void): Promise<void> {
    const pending = await this.#untilAnswered(async () => {
      await resetConsumer(this.#nc, STREAMS.facts, this.#consumer, this.#memory.state.log.readSequence + 1);
      const info = await callApi(this.#nc, `CONSUMER.INFO.${STREAMS.facts}.${this.#consumer}`, undefined);
      return info['num_pending'];
    });
    if (this.#isStopped) return;
    if (pending === 0) this.#markCaughtUp();
    this.#loop = pullMessages({
      nc: this.#nc,
      stream: STREAMS.facts,
      consumer: this.#consumer,
      how: { mode: 'batch', limit: AT_ONCE },
      handle: (messages) => this.#read(messages),
      classify: classifyBy({ RunnerError: RUNNER_FAULTS }),
      onFatal,
      log: this.#log,
    });
  }

  async #read(messages: readonly JetStreamContext[]): Promise<void> {
    const records: JournalRecord[] = [];
    let hasGap = false;
    await this.#memory.record(({ log }) => {
      let next = log.readIndex + 1;
      for (const message of messages) {
        const place = this.#placeOf(message);
        if (place === null || place.index < next) continue; // no fact, or read before
        if (place.index > next) {
          hasGap = true;
          break;
        }
        records.push({
          t: 'fact',
          entry: new TextDecoder().decode(message.bytes),
          place,
          sequence: message.sequence,
        });
        next++;
      }
      return records;
    });
    if (hasGap) {
      this.#log.warn(
        { readIndex: this.#memory.state.log.readIndex },
        'facts are missing: reading the log from its beginning',
      );
      await resetConsumer(this.#nc, STREAMS.facts, this.#consumer);
      return;
    }
    if (messages.at(-1)?.pending === 0) this.#markCaughtUp();
  }

  /** Null for what somebody else made JetStream store there: if a fact is missing because of it, its index will be. */
  #placeOf(message: JetStreamContext): FactPlace | null {
    try {
      return placeOfFact(message);
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      const { subject, sequence } = message;
      this.#log.error({ err: error, subject, sequence }, 'not a fact: passed over');
      return null;
    }
  }

  #markCaughtUp(): void {
    if (this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    this.#log.info({ index: this.#memory.state.log.knowledge.index }, 'the log is read to its end');
    this.#caughtUp.resolve();
  }

  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
    while (!this.#isStopped) {
      try {
        return await ask();
      } catch (error) {
        // without its durable a runner can only wait: the migrator makes it when the runner is added
        if (!(error instanceof JetStreamError) || error.code === 'FORBIDDEN' || error.code === 'CLOSED')
          throw error;
        this.#log.warn({ err: error, consumer: this.#consumer }, 'facts cannot be read yet');
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
    return undefined;
  }
}
