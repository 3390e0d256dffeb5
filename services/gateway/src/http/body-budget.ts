import { MAX_BODY_BYTES } from '../spans/decode-body.ts';

/** The most bytes that the body of a request with this head can come to in memory: what nobody has told counts as the longest. */
export function mostBytesOf(headers: {
  readonly 'content-length'?: string | undefined;
  readonly 'transfer-encoding'?: string | undefined;
  readonly 'content-encoding'?: string | undefined;
}): number {
  const { 'content-length': length, 'transfer-encoding': transfer, 'content-encoding': content } = headers;
  const sent = transfer === undefined ? Number(length ?? 0) : MAX_BODY_BYTES;
  // a few bytes of zstd become as many as are allowed
  const isPacked = (content ?? 'identity').trim().toLowerCase() !== 'identity';
  return isPacked && sent > 0 ? Math.max(sent, MAX_BODY_BYTES) : sent;
}

/** Bytes of request bodies held in memory at once, over all clients: many large uploads cannot take the process down. */
export class BodyBudget {
  readonly #maxBytes: number;
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  /** What gives the bytes back, once; null when they do not fit now. */
  take(bytes: number): (() => void) | null {
    if (this.#held + bytes > this.#maxBytes) return null;
    this.#held += bytes;
    let isHeld = true;
    return () => {
      if (isHeld) this.#held -= bytes;
      isHeld = false;
    };
  }
}
