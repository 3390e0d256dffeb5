import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { toJetStreamError } from './api-error.ts';
import { JetStreamError } from './errors.ts';
import type { FactMessage } from './fact-message.ts';
import { connected, linkOf, newInbox } from './link.ts';
import { toHeaders } from './header-lines.ts';
import { parseStored, Publisher } from './publisher.ts';

/** What is on its way at once. */
const MOST_AT_ONCE = 256;
const MOST_BYTES_AT_ONCE = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const EXPECTED_LAST = 'Nats-Expected-Last-Msg-Id';

/**
 * Facts on their way into the stream without a round trip each, and still none before the one ahead of it: each asks that the stream's last message be the
 * one ahead, so that when one is refused all behind it are refused as well. (To ask for its sequence would not do: a stranger's message has it too.) So only
 * the last of a group is answered: where it is stored, all are. One call at a time; whoever else publishes to the stream meanwhile breaks the chain, which is
 * then begun anew.
 */
export class FactChain {
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;
  readonly #inbox: string;
  /** Id of the stream's last message, as far as is known; undefined while it is not. */
  #last: string | undefined;
  /** Waits for the answer to the group on its way. */
  #waiting: { take: (answer: Msg) => void; fail: (error: JetStreamError) => void } | undefined;
  #serial = 0;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#publisher = new Publisher(nc);
    this.#inbox = newInbox(nc);
    nc.subscribe(`${this.#inbox}.*`, { callback: (error, message) => this.#take(error, message) });
  }

  /**
   * How many of the facts, from the first, are stored. Fewer than all when somebody else has published, which says nothing against the rest; then some of the
   * rest may be stored too.
   * @throws JetStreamError `UNAVAILABLE` (a prefix may be stored), and what the stream says of the last of a group
   */
  async publish(facts: readonly FactMessage[]): Promise<number> {
    let stored = 0;
    try {
      while (stored < facts.length) {
        if (this.#last === undefined) {
          const { subject, body, headers, msgId } = facts[stored++] ?? NOTHING;
          const { isDuplicate } = await this.#publisher.publish(subject, body, { headers: headers(), msgId });
          // a duplicate lies somewhere, and seldom at the end
          this.#last = isDuplicate ? undefined : msgId;
          continue;
        }
        const group = firstGroup(facts, stored);
        if (!(await this.#publishGroup(group, this.#last))) return stored;
        stored += group.length;
      }
      return stored;
    } catch (error) {
      this.#last = undefined;
      throw error;
    }
  }

  /** Whether all of them are stored; not when somebody else's message came among them. */
  async #publishGroup(group: readonly FactMessage[], last: string): Promise<boolean> {
    await connected(this.#nc, 'facts', TIMEOUT_MS);
    const serial = ++this.#serial;
    const answer = this.#answerTo();
    try {
      let ahead = last;
      for (const [at, { subject, body, headers, msgId }] of group.entries()) {
        this.#nc.publish(subject, body, {
          headers: toHeaders([...headers(), ['Nats-Msg-Id', msgId], [EXPECTED_LAST, ahead]]),
          ...(at === group.length - 1 ? { reply: `${this.#inbox}.${serial}` } : {}),
        });
        ahead = msgId;
      }
      const isStored = outcomeOf(await answer.given);
      this.#last = isStored ? ahead : undefined;
      return isStored;
    } catch (error) {
      throw toJetStreamError('facts', error);
    } finally {
      answer.close();
    }
  }

  /** The next answer. Fails when the connection is lost, or nothing comes in time. */
  #answerTo(): { readonly given: Promise<Msg>; readonly close: () => void } {
    const link = linkOf(this.#nc);
    const { promise: given, resolve: take, reject: fail } = Promise.withResolvers<Msg>();
    given.catch(() => undefined); // may be given up before anybody waits
    this.#waiting = { take, fail };
    const unwatch = link.watch(() => {
      if (!link.isUp) fail(new JetStreamError('UNAVAILABLE', 'facts: the connection was lost'));
    });
    const timer = setTimeout(
      () => fail(new JetStreamError('UNAVAILABLE', 'facts: no answer in time')),
      TIMEOUT_MS,
    );
    const close = (): void => {
      clearTimeout(timer);
      unwatch();
      this.#waiting = undefined;
    };
    return { given, close };
  }

  #take(error: Error | null, message: Msg): void {
    if (error !== null) return this.#waiting?.fail(toJetStreamError('facts', error));
    // an answer to a group that was given up says nothing any more
    if (message.subject === `${this.#inbox}.${this.#serial}`) this.#waiting?.take(message);
  }
}

/** Whether it is stored; not when another one than the one ahead was the stream's last. @throws JetStreamError for any other refusal */
function outcomeOf(answer: Msg): boolean {
  if (answer.headers?.code === 503) throw new JetStreamError('NO_STREAM', 'facts: no stream takes them');
  try {
    parseStored('facts', answer.string());
    return true;
  } catch (error) {
    if (error instanceof JetStreamError && error.code === 'CONFLICT') return false;
    throw error;
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

const NOTHING: FactMessage = { subject: '', body: new Uint8Array(0), headers: () => [], msgId: '' }; // unreachable: the index is below the length
