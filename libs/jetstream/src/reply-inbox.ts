import { inboxPrefix, splitAckReply, type AckBytes } from '@logline/contracts';
import { nuid, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { JetStreamError } from './errors.ts';
import { noLog, type Log } from './log.ts';

/** Requests that may wait for acks in one process. */
const MOST_EXPECTED = 50_000;

/**
 * Where acks arrive: one core subscription for the whole process, one subject for each request. Acks lost here are lost for
 * good, which harms nothing: the same request again gets the same receipt.
 */
export class ReplyInbox {
  readonly #base: string;
  readonly #subscription: Subscription;
  readonly #expected = new Map<string, ExpectedAcks>();
  #count = 0;

  private constructor(nc: NatsConnection, user: string, log: Log) {
    this.#base = `${inboxPrefix(user)}.${nuid.next()}`;
    this.#subscription = nc.subscribe(`${this.#base}.*`, {
      callback: (error, message) => {
        if (error !== null)
          return log.error({ reason: error.message }, 'the reply inbox may not be listened on');
        const expected = this.#expected.get(message.subject);
        if (expected === undefined) return; // too late: nobody waits any more
        try {
          for (const ack of splitAckReply(message.data).acks) expected.take(ack.position, ack);
        } catch (reason) {
          log.error({ err: reason }, 'a reply that is no AckReply was dropped');
        }
      },
    });
  }

  static open(nc: NatsConnection, user: string, log: Log = noLog): ReplyInbox {
    return new ReplyInbox(nc, user, log);
  }

  /**
   * A fresh subject on which acks for positions 0…count−1 are expected. Close it.
   * @throws JetStreamError `QUEUE_FULL` when very many requests wait already
   */
  expect(count: number): ExpectedAcks {
    if (this.#expected.size >= MOST_EXPECTED)
      throw new JetStreamError('QUEUE_FULL', 'too many requests wait for acks');
    const reply = `${this.#base}.${(this.#count++).toString(36)}`;
    const expected = new ExpectedAcks(reply, count, () => this.#expected.delete(reply));
    this.#expected.set(reply, expected);
    return expected;
  }

  /** Nobody waits any more: what is expected resolves as it is. */
  close(): void {
    this.#subscription.unsubscribe();
    for (const expected of this.#expected.values()) expected.close();
  }
}

/** The acks of one request, as they come in and unread (`parseAck`). The first one for a position counts. */
export class ExpectedAcks {
  /** The `reply` of the request's envelope. */
  readonly reply: string;
  readonly #count: number;
  #acks: (AckBytes | undefined)[];
  #firstMissing = 0;
  readonly #onClose: () => void;
  #waiters: { readonly isDone: () => boolean; readonly wake: () => void }[] = [];
  #isClosed = false;

  constructor(reply: string, count: number, onClose: () => void) {
    this.reply = reply;
    this.#count = count;
    this.#acks = Array.from({ length: count }, () => undefined);
    this.#onClose = onClose;
  }

  /** Undefined where none has come yet; none once it is closed. */
  get acks(): readonly (AckBytes | undefined)[] {
    return this.#acks;
  }

  take(position: number, ack: AckBytes): void {
    if (position >= this.#acks.length || this.#acks[position] !== undefined) return;
    this.#acks[position] = ack;
    while (this.#acks[this.#firstMissing] !== undefined) this.#firstMissing++;
    for (const { isDone, wake } of this.#waiters) if (isDone()) wake();
  }

  /** Whether the first `upTo` positions have their acks; all of them by default. */
  isComplete(upTo: number = this.#count): boolean {
    return this.#firstMissing >= upTo;
  }

  /** The acks, once the first `upTo` positions have theirs, or as they are at the deadline (epoch milliseconds) or on close. */
  async until(deadlineMs: number, upTo: number = this.#count): Promise<readonly (AckBytes | undefined)[]> {
    const acks = this.#acks;
    if (this.#isClosed || this.isComplete(upTo)) return acks;
    await new Promise<void>((resolve) => {
      const waiter = {
        isDone: () => this.#isClosed || this.isComplete(upTo),
        wake: () => {
          clearTimeout(timer);
          this.#waiters = this.#waiters.filter((one) => one !== waiter);
          resolve();
        },
      };
      const timer = setTimeout(waiter.wake, Math.max(0, deadlineMs - Date.now()));
      this.#waiters.push(waiter);
    });
    return acks;
  }

  /** Holds the acks no more, for the same reason as `HeldMessages`; whoever waited or asked before has them. */
  close(): void {
    this.#isClosed = true;
    for (const { wake } of this.#waiters) wake();
    this.#acks = [];
    this.#onClose();
  }
}
