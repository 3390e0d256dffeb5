import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { toJetStreamError } from './api-error.ts';
import { JetStreamError } from './errors.ts';
import type { FactMessage } from './fact-message.ts';
import { connected, linkOf, newInbox } from './link.ts';
import { toHeaders } from './header-lines.ts';
import { parseStored, Publisher } from './publisher.ts';

/** What is on its way at once: the server answers each, and holds none back. */
const MOST_AT_ONCE = 256;
const MOST_BYTES_AT_ONCE = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const EXPECTED_LAST = 'Nats-Expected-Last-Msg-Id';

/**
 * Facts on their way into the stream without a round trip each, and still none before the one ahead of it: each asks that the stream's last message be the
 * one ahead, so that when one is refused all behind it are refused as well. (To ask for its sequence would not do: a stranger's message has it too.) One
 * call at a time; whoever else publishes to the stream meanwhile breaks the chain, which is then begun anew.
 */
export class FactChain {
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;
  readonly #inbox: string;
  /** Id of the stream's last message, as far as is known; undefined while it is not. */
  #last: string | undefined;
  #batch: Batch | undefined;
  #serial = 0;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#publisher = new Publisher(nc);
    this.#inbox = newInbox(nc);
    nc.subscribe(`${this.#inbox}.*.*`, { callback: (error, message) => this.#take(error, message) });
  }

  /**
   * How many of the facts, from the first, are stored; fewer than all when somebody else has published, which says nothing against the rest.
   * @throws JetStreamError `UNAVAILABLE` (a prefix may be stored), and what the stream says of the first it refuses
   */
  async publish(facts: readonly FactMessage[]): Promise<number> {
    let stored = 0;
    try {
      while (stored < facts.length) {
        if (this.#last === undefined) {
          const { subject, body, headers, msgId } = facts[stored++] ?? NOTHING;
          const { isDuplicate } = await this.#publisher.publish(subject, body, { headers, msgId });
          // a duplicate lies somewhere, and seldom at the end
          this.#last = isDuplicate ? undefined : msgId;
          continue;
        }
        const group = firstGroup(facts, stored);
        const count = await this.#publishGroup(group, this.#last);
        stored += count;
        if (count < group.length) return stored;
      }
      return stored;
    } catch (error) {
      this.#last = undefined;
      throw error;
    }
  }

  /** How many of them are stored: all, or those before the first that met with somebody else's. */
  async #publishGroup(group: readonly FactMessage[], last: string): Promise<number> {
    await connected(this.#nc, 'facts', TIMEOUT_MS);
    const batch = new Batch(group.length);
    const serial = this.#serial++;
    this.#batch = batch;
    const link = linkOf(this.#nc);
    const unwatch = link.watch(() => {
      if (!link.isUp) batch.fail(new JetStreamError('UNAVAILABLE', 'facts: the connection was lost'));
    });
    const timer = setTimeout(
      () => batch.fail(new JetStreamError('UNAVAILABLE', 'facts: no answer in time')),
      TIMEOUT_MS,
    );
    try {
      let ahead = last;
      for (const [at, { subject, body, headers, msgId }] of group.entries()) {
        this.#nc.publish(subject, body, {
          headers: toHeaders([...headers, ['Nats-Msg-Id', msgId], [EXPECTED_LAST, ahead]]),
          reply: `${this.#inbox}.${serial}.${at}`,
        });
        ahead = msgId;
      }
      const outcomes = await batch.done;
      const refusedAt = outcomes.findIndex((outcome) => outcome instanceof JetStreamError);
      if (refusedAt === -1) {
        this.#last = ahead;
        return group.length;
      }
      this.#last = undefined;
      const refusal = outcomes[refusedAt];
      if (refusal instanceof JetStreamError && refusal.code !== 'CONFLICT') throw refusal;
      return refusedAt;
    } catch (error) {
      throw toJetStreamError('facts', error);
    } finally {
      clearTimeout(timer);
      unwatch();
      this.#batch = undefined;
    }
  }

  #take(error: Error | null, message: Msg): void {
    if (error !== null) return this.#batch?.fail(toJetStreamError('facts', error));
    const [serial, at] = message.subject
      .slice(this.#inbox.length + 1)
      .split('.')
      .map(Number);
    // an answer to a group that was given up says nothing any more
    if (serial !== this.#serial - 1) return;
    this.#batch?.take(at ?? -1, outcomeOf(message));
  }
}

type Outcome = 'stored' | JetStreamError;

/** The answers to one group, which come in any order. */
class Batch {
  readonly done: Promise<readonly (Outcome | undefined)[]>;
  readonly #outcomes: (Outcome | undefined)[];
  #missing: number;
  #resolve: (outcomes: readonly (Outcome | undefined)[]) => void = () => undefined;
  #reject: (error: JetStreamError) => void = () => undefined;

  constructor(count: number) {
    this.#missing = count;
    this.#outcomes = Array.from({ length: count });
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => undefined); // given up before anybody waits
  }

  take(at: number, outcome: Outcome): void {
    if (at < 0 || at >= this.#outcomes.length || this.#outcomes[at] !== undefined) return;
    this.#outcomes[at] = outcome;
    this.#missing--;
    if (this.#missing === 0) this.#resolve(this.#outcomes);
  }

  fail(error: JetStreamError): void {
    this.#reject(error);
  }
}

function outcomeOf(message: Msg): Outcome {
  try {
    if (message.headers?.code === 503) return new JetStreamError('NO_STREAM', 'facts: no stream takes them');
    parseStored('fact', message.string());
    return 'stored';
  } catch (error) {
    return toJetStreamError('fact', error);
  }
}

function firstGroup(facts: readonly FactMessage[], from: number): readonly FactMessage[] {
  let bytes = 0;
  let to = from;
  for (; to < facts.length && to - from < MOST_AT_ONCE; to++) {
    bytes += facts[to]?.body.length ?? 0;
    if (to > from && bytes > MOST_BYTES_AT_ONCE) break;
  }
  return facts.slice(from, to);
}

const NOTHING: FactMessage = { subject: '', body: new Uint8Array(0), headers: [], msgId: '' }; // unreachable: the index is below the length
