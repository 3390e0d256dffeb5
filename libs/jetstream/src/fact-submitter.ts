import { ContractError, formatEnvelope, parseAck, type Ack } from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import { JetStreamError } from './errors.ts';
import { Publisher } from './publisher.ts';
import type { ReplyInbox } from './reply-inbox.ts';
import { splitBodies } from './split-bodies.ts';

export type FactSubmitterOptions = {
  readonly nc: NatsConnection;
  readonly inbox: ReplyInbox;
  /** `submitService(…)` or `submitReport(…)`. */
  readonly subject: string;
  /** The NATS user, which the subject must name. */
  readonly user: string;
};

export type Submission = {
  readonly tenant: string;
  /** 32 hex. */
  readonly trace: string;
  /** Canonical bytes of signed spans, in order. Sent again as they are, so a second time says nothing new. */
  readonly bodies: readonly Uint8Array[];
  /** Epoch milliseconds after which to give up. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
};

/** How long one attempt waits for its acks. */
const ATTEMPT_MS = 10_000;
const ASK_AGAIN: ReadonlySet<string> = new Set(['503_UNAVAILABLE', '429_RATE_LIMITED', '500_INTERNAL']);

/** Makes facts of a service's or a runner's own spans: submits, waits for the acks, asks again on silence. */
export class FactSubmitter {
  readonly #options: FactSubmitterOptions;
  readonly #publisher: Publisher;

  constructor(options: FactSubmitterOptions) {
    this.#options = options;
    this.#publisher = new Publisher(options.nc);
  }

  /**
   * One ack for each body: `ok`, or a no that will not change by asking again (look at them).
   * @throws JetStreamError `DEADLINE` when there is no verdict in time or `signal` aborts; `FORBIDDEN`, `TOO_LARGE`, `CLOSED`
   */
  async submit(submission: Submission): Promise<readonly Ack[]> {
    const acks: Ack[] = [];
    for (const { from, to } of splitBodies(submission.bodies.map((body) => body.length))) {
      // the next part only after this one's acks: order is part of what is said
      acks.push(...(await this.#submitPart({ ...submission, bodies: submission.bodies.slice(from, to) })));
    }
    return acks;
  }

  async #submitPart(part: Submission): Promise<readonly Ack[]> {
    for (let attempt = 0; ; attempt++) {
      const remainingMs = part.deadlineMs - Date.now();
      if (remainingMs <= 0 || part.signal?.aborted === true) {
        throw new JetStreamError('DEADLINE', `no verdict on ${part.bodies.length} spans in time`);
      }
      const acks = await this.#attempt(part, Math.min(ATTEMPT_MS, remainingMs));
      if (acks !== undefined) return acks;
      await pause(Math.min(2_000, 100 * 2 ** attempt), part.signal);
    }
  }

  /** Undefined when asking again may give another answer. */
  async #attempt(
    { tenant, trace, bodies, signal }: Submission,
    waitMs: number,
  ): Promise<readonly Ack[] | undefined> {
    const { inbox, subject, user } = this.#options;
    const expected = inbox.expect(bodies.length);
    const onAbort = (): void => expected.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const spans = bodies.map((body, position) => ({ position, length: body.length }));
      const request = {
        trace,
        reply: expected.reply,
        tenant,
        language: 'en' as const,
        caller: { kind: 'own' as const, user },
        wait_ms: waitMs,
        spans,
      };
      await this.#publisher.publish(subject, formatEnvelope({ v: 1, requests: [request] }, bodies), {
        attempts: 1,
      });
      const received = await expected.until(Date.now() + waitMs);
      const acks = received.flatMap((ack) => (ack === undefined ? [] : [parseAck(ack)]));
      return acks.length < bodies.length || acks.some(isWorthAskingAgain) ? undefined : acks;
    } catch (error) {
      if (error instanceof JetStreamError && RETRYABLE.has(error.code)) return undefined;
      if (error instanceof ContractError) return undefined; // what came is no ack
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      expected.close();
    }
  }
}

const RETRYABLE: ReadonlySet<string> = new Set(['UNAVAILABLE', 'QUEUE_FULL', 'NO_STREAM']);

function isWorthAskingAgain(ack: Ack): boolean {
  return ack.status === 'invalid' && ASK_AGAIN.has(ack.code);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
