import { CONSUMERS, ContractError, type FactPlace, STREAMS } from '@logline/contracts';
import {
  callApi,
  classifyBy,
  type JetStreamContext,
  JetStreamError,
  placeOfFact,
  pullMessages,
  resetConsumer,
  sayMissing,
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
 * what is read is the log, the journal decides. A journal that was lost starts over from the first fact. Where that has aged, or others that this runner has
 * not read, it waits until they are republished, and nothing is done that would rest on them.
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
  /** Whether everything the stream has was delivered from its beginning on, so that what is missing then is not there. */
  #isFromBeginning = false;
  #isBeginningAgain = false;
  #onFatal: (error: unknown) => void = () => undefined;
  /** Newest index seen beyond facts that are missing; −1 when none are. */
  #waitingFor = -1;

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

  /** True, or why the log is not followed. */
  get health(): true | string {
    const missing = this.#missing();
    if (missing !== null) return missing;
    return (this.#isCaughtUp && this.#loop?.loop.isHealthy()) || 'the log is not being read';
  }

  start(onFatal: (error: unknown) => void): void {
    this.#onFatal = onFatal;
    // with the last one that was read: where the stream has nothing from there on, it may be another one, made anew
    void this.#begin(Math.max(1, this.#memory.state.log.readSequence)).catch(onFatal);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop?.close();
  }

  async #begin(wanted: number): Promise<void> {
    let fromSequence = wanted;
    let pending = await this.#readFrom(fromSequence);
    if (pending === 0 && fromSequence > 1) {
      fromSequence = 1;
      pending = await this.#readFrom(fromSequence);
    }
    if (this.#isStopped) return;
    this.#isFromBeginning = fromSequence === 1;
    this.#isBeginningAgain = false;
    if (pending === 0) this.#readToEnd();
    this.#loop = pullMessages({
      nc: this.#nc,
      stream: STREAMS.facts,
      consumer: this.#consumer,
      how: { mode: 'batch', limit: AT_ONCE },
      handle: (messages) => this.#read(messages),
      classify: classifyBy({ RunnerError: RUNNER_FAULTS }),
      onFatal: this.#onFatal,
      log: this.#log,
    });
  }

  /** How many facts the durable will deliver from there on; undefined when stopped before anybody answered. */
  async #readFrom(sequence: number): Promise<unknown> {
    return await this.#untilAnswered(async () => {
      await resetConsumer(this.#nc, STREAMS.facts, this.#consumer, sequence);
      const info = await callApi(this.#nc, `CONSUMER.INFO.${STREAMS.facts}.${this.#consumer}`, undefined);
      return info['num_pending'];
    });
  }

  /** With another loop: this one takes what it has seen for settled. */
  async #beginAgain(): Promise<void> {
    await this.#loop?.close();
    if (!this.#isStopped) await this.#begin(1);
  }

  async #read(messages: readonly JetStreamContext[]): Promise<void> {
    if (this.#isBeginningAgain) return; // all of it comes once more
    const records: JournalRecord[] = [];
    let newest = -1;
    await this.#memory.record(({ log }) => {
      let next = log.readIndex + 1;
      for (const message of messages) {
        const place = this.#placeOf(message);
        if (place === null || place.index < next) continue; // no fact, or read before
        if (place.index > next) {
          newest = Math.max(newest, place.index);
          continue; // too early: it comes again behind what is missing
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
    const { readIndex } = this.#memory.state.log;
    if (newest > readIndex && !this.#isFromBeginning) {
      this.#log.warn({ readIndex }, 'facts are missing: reading the log from its beginning');
      this.#isBeginningAgain = true;
      void this.#beginAgain().catch(this.#onFatal);
      return;
    }
    this.#lookForMissing(newest, readIndex);
    if (messages.at(-1)?.pending === 0) this.#readToEnd();
  }

  #lookForMissing(newest: number, readIndex: number): void {
    const isNew = this.#waitingFor === -1;
    if (newest > readIndex) this.#waitingFor = Math.max(newest, this.#waitingFor);
    const missing = this.#missing();
    if (missing !== null) {
      if (isNew) this.#log.error({ readIndex, newest }, missing);
    } else if (this.#waitingFor !== -1) {
      this.#waitingFor = -1;
      this.#log.info({ readIndex }, 'the facts that were missing have come');
    }
  }

  /** What is missing of the log, in words; null when nothing is known to be. */
  #missing(): string | null {
    const { readIndex, knowledge } = this.#memory.state.log;
    if (this.#waitingFor <= readIndex) return null;
    return sayMissing({ tenant: knowledge.tenant, from: readIndex + 1, to: this.#waitingFor });
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

  /** There is nothing more to read now; whether that is the whole log is another question. */
  #readToEnd(): void {
    if (this.#isCaughtUp) return;
    const { readIndex } = this.#memory.state.log;
    // every log has a first fact: nothing at all is no log that was read to its end
    if (readIndex < 0) this.#lookForMissing(0, readIndex);
    if (this.#missing() !== null) return;
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
