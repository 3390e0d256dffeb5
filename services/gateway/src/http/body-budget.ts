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
