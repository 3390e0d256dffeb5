import { Injectable } from '@nestjs/common';
import { SUBMIT_CLIENT, type AckBytes, type Language, type SubmitRequest } from '@logline/contracts';
import {
  Coalescer,
  JetStreamError,
  splitBodies,
  type ExpectedAcks,
  type Publisher,
  type Range,
  type ReplyInbox,
} from '@logline/jetstream';
import { GatewayError } from '../errors.ts';

/** Requests that may wait for their envelope; more are told to come back. */
const MOST_WAITING = 20_000;
/** An envelope that nobody stores holds up those behind it, so it is given up early; clients send again. */
const PUBLISH = { timeoutMs: 2000, attempts: 3 } as const;

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
      send: (bytes) => publisher.publish(SUBMIT_CLIENT, bytes, PUBLISH),
      maxWaiting: MOST_WAITING,
    });
  }

  /** Requests that wait for their envelope. */
  get waiting(): number {
    return this.coalescer.waiting;
  }

  /**
   * One ack per span, in order; undefined where none came in time.
   * @throws GatewayError `503_UNAVAILABLE` when the first part could not be stored
   */
  async submit(submission: Submission): Promise<readonly (AckBytes | undefined)[]> {
    const { bodies, waitMs } = submission;
    const deadlineMs = Date.now() + waitMs;
    const expected = this.expect(bodies.length);
    const { acks } = expected;
    try {
      // a part goes out when the one before it is answered, so that one request's spans stay in order
      for (const part of splitBodies(bodies.map(({ length }) => length))) {
        const isSent = await this.send(submission, expected, part, deadlineMs);
        if (!isSent) break;
        await expected.until(deadlineMs, part.to);
        if (!expected.isComplete(part.to)) break;
      }
      return acks;
    } finally {
      expected.close();
    }
  }

  private expect(count: number): ExpectedAcks {
    try {
      return this.inbox.expect(count);
    } catch (cause) {
      throw toUnavailable(cause);
    }
  }

  /** Whether the part is stored; false when a later part is not, whose spans then go without an ack. @throws GatewayError for the first part */
  private async send(
    submission: Submission,
    { reply }: ExpectedAcks,
    { from, to }: Range,
    deadlineMs: number,
  ): Promise<boolean> {
    const { tenant, trace, language, caller, bodies } = submission;
    const part = bodies.slice(from, to);
    const spans = part.map((body, i) => ({ position: from + i, length: body.length }));
    const wait_ms = Math.max(1, deadlineMs - Date.now());
    try {
      await this.coalescer.add({ trace, reply, tenant, language, caller, wait_ms, spans }, part, deadlineMs);
      return true;
    } catch (cause) {
      if (from === 0) throw toUnavailable(cause);
      if (cause instanceof JetStreamError) return false;
      throw cause;
    }
  }
}

function toUnavailable(cause: unknown): unknown {
  if (!(cause instanceof JetStreamError)) return cause;
  switch (cause.code) {
    case 'QUEUE_FULL':
      return new GatewayError(
        '503_UNAVAILABLE',
        'too much is waiting: nothing was accepted, send the same request again',
        { cause, retryAfterS: 1 },
      );
    case 'TOO_LARGE':
    case 'REFUSED':
      return cause;
    default:
      return new GatewayError(
        '503_UNAVAILABLE',
        'the request may not have been stored: send it again with the same Idempotency-Key',
        { cause, retryAfterS: 1 },
      );
  }
}
