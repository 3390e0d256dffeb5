import { Injectable } from '@nestjs/common';
import { SUBMIT_CLIENT, type Ack, type Language, type SubmitRequest } from '@logline/contracts';
import { Coalescer, JetStreamError, splitBodies, type Publisher, type ReplyInbox } from '@logline/jetstream';
import { GatewayError } from '../errors.ts';

/** Envelopes' worth of requests that may wait for their publish; more are told to come back. */
const MOST_WAITING = 20_000;

export type Submission = {
  readonly tenant: string;
  readonly trace: string;
  readonly language: Language;
  readonly caller: SubmitRequest['caller'];
  /** Canonical bytes of each span, in order. */
  readonly bodies: readonly Uint8Array[];
  readonly waitMs: number;
};

/** Sends spans into the system and waits for their acks. What comes without an answer in time is unknown, and said so. */
@Injectable()
export class SubmitService {
  private readonly coalescer: Coalescer<SubmitRequest>;

  constructor(
    publisher: Publisher,
    private readonly inbox: ReplyInbox,
  ) {
    this.coalescer = new Coalescer<SubmitRequest>({
      send: (bytes) => publisher.publish(SUBMIT_CLIENT, bytes),
      maxWaiting: MOST_WAITING,
    });
  }

  /**
   * One ack per span, in order; undefined where none came in time.
   * @throws GatewayError `503_UNAVAILABLE` when nothing was sent, or the queue is full
   */
  async submit(submission: Submission): Promise<readonly (Ack | undefined)[]> {
    const { bodies, waitMs } = submission;
    const deadlineMs = Date.now() + waitMs;
    const expected = this.inbox.expect(bodies.length);
    try {
      // a part goes out when the one before it is answered, so that one request's spans stay in order
      for (const { from, to } of splitBodies(bodies.map(({ length }) => length))) {
        const left = deadlineMs - Date.now();
        if (left <= 0) break;
        await this.send(submission, expected.reply, from, to, left);
        await expected.until(deadlineMs, to);
      }
      return expected.acks;
    } finally {
      expected.close();
    }
  }

  private async send(
    submission: Submission,
    reply: string,
    from: number,
    to: number,
    waitMs: number,
  ): Promise<void> {
    const { tenant, trace, language, caller, bodies } = submission;
    const part = bodies.slice(from, to);
    const spans = part.map((body, i) => ({ position: from + i, length: body.length }));
    try {
      await this.coalescer.add({ trace, reply, tenant, language, caller, wait_ms: waitMs, spans }, part);
    } catch (cause) {
      if (!(cause instanceof JetStreamError)) throw cause;
      const message =
        cause.code === 'QUEUE_FULL'
          ? 'too much is waiting: nothing was accepted, send the same request again'
          : 'the request may not have been stored: send it again with the same Idempotency-Key';
      throw new GatewayError('503_UNAVAILABLE', message, { cause, retryAfterS: 1 });
    }
  }
}
