import type { NatsConnection } from '@nats-io/nats-core';
import { parseAnswer } from './api.ts';
import { JetStreamError } from './errors.ts';
import { toHeaders, type HeaderPair } from './header-lines.ts';
import { request } from './link.ts';

export type PublishOptions = {
  /** Within the stream's duplicate window a second message with this id is not stored again. */
  readonly msgId?: string;
  readonly headers?: readonly HeaderPair[];
  /** For each attempt; 5 s. */
  readonly timeoutMs?: number;
  /** How often the same bytes are sent while the answer is UNAVAILABLE; 3. */
  readonly attempts?: number;
};
export type Stored = { readonly stream: string; readonly sequence: number; readonly isDuplicate: boolean };

/** Core NATS refuses more (the server's `max_payload`, 1 MiB by default); leave room for headers. */
export const MAX_MESSAGE_BYTES = 1024 * 1024 - 16 * 1024;

/** Publishes to streams and waits until the message is stored. Safe to use from many callers at once; keeps no order among them. */
export class Publisher {
  readonly #nc: NatsConnection;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  /**
   * Where the message was stored. After UNAVAILABLE it may or may not have been: send the same bytes again.
   * @throws JetStreamError `UNAVAILABLE`, `QUEUE_FULL`, `NO_STREAM`, `TOO_LARGE`, `FORBIDDEN`, `CLOSED`, `REFUSED`
   */
  async publish(subject: string, bytes: Uint8Array, options: PublishOptions = {}): Promise<Stored> {
    const { attempts = 3 } = options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#publishOnce(subject, bytes, options);
      } catch (error) {
        const isWorthIt =
          error instanceof JetStreamError && (error.code === 'UNAVAILABLE' || error.code === 'NO_STREAM');
        if (!isWorthIt || attempt >= attempts) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt));
      }
    }
  }

  async #publishOnce(subject: string, bytes: Uint8Array, options: PublishOptions): Promise<Stored> {
    const { msgId, headers = [], timeoutMs = 5_000 } = options;
    const what = `publish to ${subject}`;
    if (bytes.length > MAX_MESSAGE_BYTES)
      throw new JetStreamError('TOO_LARGE', `${what}: ${bytes.length} bytes`);
    const pairs: readonly HeaderPair[] = msgId === undefined ? headers : [...headers, ['Nats-Msg-Id', msgId]];
    const reply = await request(this.#nc, subject, bytes, what, {
      timeoutMs,
      ...(pairs.length === 0 ? {} : { headers: toHeaders(pairs) }),
    });
    return parseStored(what, reply.string());
  }
}

/** @throws JetStreamError */
export function parseStored(what: string, text: string): Stored {
  const { stream, seq, duplicate } = parseAnswer(what, text);
  if (typeof stream !== 'string' || typeof seq !== 'number') {
    throw new JetStreamError(
      'BAD_ANSWER',
      `${what}: the answer is no PubAck; is somebody else listening on this subject?`,
    );
  }
  return { stream, sequence: seq, isDuplicate: duplicate === true };
}
