import {
  joinEnvelope,
  MAX_ENVELOPE_BYTES,
  MAX_ENVELOPE_SPANS,
  type AcceptRequest,
  type SubmitRequest,
} from '@logline/contracts';
import { JetStreamError } from './errors.ts';

export type CoalescerOptions = {
  /** Resolves when the envelope is stored. Never called again before that. */
  readonly send: (envelope: Uint8Array) => Promise<unknown>;
  /** Requests that may wait while one envelope is on its way; 10,000. */
  readonly maxWaiting?: number;
  /** Bytes that may wait; 64 MiB. */
  readonly maxWaitingBytes?: number;
};

type Waiting = {
  /** The request as JSON. */
  readonly text: string;
  readonly spans: number;
  readonly bodies: readonly Uint8Array[];
  readonly bytes: number;
  /** Epoch milliseconds from which nobody waits for it any more. */
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/**
 * One envelope in flight; whatever arrives meanwhile goes out together as the next one, in order of arrival, up to 128 spans
 * and 512 KiB. No timer: an idle line sends at once, a busy one fills its envelopes (decision 0002).
 */
export class Coalescer<Request extends SubmitRequest | AcceptRequest> {
  readonly #send: CoalescerOptions['send'];
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isSending = false;

  constructor({ send, maxWaiting = 10_000, maxWaitingBytes = 64 * 1024 * 1024 }: CoalescerOptions) {
    this.#send = send;
    this.#maxWaiting = maxWaiting;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  /** Requests that wait for their turn; those on their way are not counted. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves when the envelope that carries this request is stored. A request is never split and never empty. One whose turn comes
   * after its deadline (epoch milliseconds) is not sent.
   * @throws JetStreamError `QUEUE_FULL` when too much waits already; `UNAVAILABLE` past the deadline; what `send` throws for its envelope
   */
  add(request: Request, bodies: readonly Uint8Array[], deadlineMs: number = Infinity): Promise<void> {
    const text = JSON.stringify(request);
    const bytes = bodies.reduce((sum, body) => sum + body.length, Buffer.byteLength(text) + 1);
    if (this.#waiting.length >= this.#maxWaiting || this.#waitingBytes + bytes > this.#maxWaitingBytes) {
      return Promise.reject(
        new JetStreamError('QUEUE_FULL', `${this.#waiting.length} requests wait already`),
      );
    }
    return new Promise((resolve, reject) => {
      const spans = request.spans.length;
      this.#waiting.push({ text, spans, bodies, bytes, deadlineMs, resolve, reject });
      this.#waitingBytes += bytes;
      if (!this.#isSending) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isSending = true;
    // requests of the same tick share the first envelope too
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup().filter(isStillWanted);
      if (group.length === 0) continue;
      try {
        await this.#send(toEnvelope(group));
        for (const one of group) one.resolve();
      } catch (error) {
        for (const one of group) one.reject(error);
      }
    }
    this.#isSending = false;
  }

  /** At least one request, so that an oversized one meets `send`'s own limit instead of blocking the line. */
  #takeGroup(): readonly Waiting[] {
    let spans = 0;
    let bytes = ENVELOPE_BYTES;
    let count = 0;
    for (const one of this.#waiting) {
      spans += one.spans;
      bytes += one.bytes;
      if (count > 0 && (spans > MAX_ENVELOPE_SPANS || bytes > MAX_ENVELOPE_BYTES)) break;
      count++;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const one of group) this.#waitingBytes -= one.bytes;
    return group;
  }
}

/** Tells whoever waits for a request that is too late. */
function isStillWanted({ deadlineMs, reject }: Waiting): boolean {
  if (Date.now() < deadlineMs) return true;
  reject(new JetStreamError('UNAVAILABLE', 'its turn did not come in time; it was not sent'));
  return false;
}

/** Length field and the header's own braces. */
const ENVELOPE_BYTES = 32;

function toEnvelope(group: readonly Waiting[]): Uint8Array {
  return joinEnvelope(
    group.map(({ text }) => text),
    group.flatMap(({ bodies }) => bodies),
  );
}
