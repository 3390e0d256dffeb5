import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { toJetStreamError } from './api-error.ts';
import { JetStreamError } from './errors.ts';
import type { FactMessage } from './fact-message.ts';
import { connected, linkOf, newInbox } from './link.ts';
import { toHeaders } from './header-lines.ts';
import { parseStored, Publisher, type Stored } from './publisher.ts';

/** What is on its way at once. */
const MOST_AT_ONCE = 256;
const MOST_BYTES_AT_ONCE = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const EXPECTED_LAST = 'Nats-Expected-Last-Msg-Id';

/**
 * Facts on their way into the stream without a round trip each, and still none before the one ahead of it: each asks that the stream's last message be the
 * one ahead, so that when one is refused all behind it are refused as well. (To ask for its sequence would not do: a stranger's message has it too.) So only
 * the last of a group is answered, and where it lies as far behind the group's beginning as it should, all are stored. Its own answer alone would not do: the
 * server knows a duplicate before it looks at what is ahead. One call at a time; whoever else publishes to the stream meanwhile breaks the chain, which is then
 * begun anew.
 */
export class FactChain {
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;
  readonly #inbox: string;
  /** The stream's last message, as far as is known; undefined while it is not. */
  #last: Last | undefined;
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
   * How many of the facts, from the first, are known to be stored. Fewer than all when somebody else has published, which says nothing against the rest; then
   * some of the rest may be stored too.
   * @throws JetStreamError `UNAVAILABLE` (a prefix may be stored), and what the stream says of the last of a group
   */
  async publish(facts: readonly FactMessage[]): Promise<number> {
    let stored = 0;
    try {
      while (stored < facts.length) {
        if (this.#last === undefined) {
          const { subject, body, headers, msgId } = facts[stored++] ?? NOTHING;
          const options = { headers: headers(), msgId };
          const { isDuplicate, sequence } = await this.#publisher.publish(subject, body, options);
          // a duplicate lies somewhere, and seldom at the end
          this.#last = isDuplicate ? undefined : { msgId, sequence };
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

  /** Whether all of them are known to be stored; not when somebody else's message came among them. */
  async #publishGroup(group: readonly FactMessage[], last: Last): Promise<boolean> {
    await connected(this.#nc, 'facts', TIMEOUT_MS);
    const serial = ++this.#serial;
    const answer = this.#answerTo();
    try {
      let ahead = last.msgId;
      for (const [at, { subject, body, headers, msgId }] of group.entries()) {
        this.#nc.publish(subject, body, {
          headers: toHeaders([...headers(), ['Nats-Msg-Id', msgId], [EXPECTED_LAST, ahead]]),
          ...(at === group.length - 1 ? { reply: `${this.#inbox}.${serial}` } : {}),
        });
        ahead = msgId;
      }
      const stored = readAnswer(await answer.given);
      const isWhole = stored?.isDuplicate === false && stored.sequence === last.sequence + group.length;
      this.#last = isWhole ? { msgId: ahead, sequence: stored.sequence } : undefined;
      return isWhole;
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

type Last = { readonly msgId: string; readonly sequence: number };

/** Undefined when another one than the one ahead was the stream's last. @throws JetStreamError for any other refusal */
function readAnswer(answer: Msg): Stored | undefined {
  if (answer.headers?.code === 503) throw new JetStreamError('NO_STREAM', 'facts: no stream takes them');
  try {
    return parseStored('facts', answer.string());
  } catch (error) {
    if (error instanceof JetStreamError && error.code === 'CONFLICT') return undefined;
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
