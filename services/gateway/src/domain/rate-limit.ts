/** Callers remembered; the one seen longest ago is forgotten first, which gives it a full bucket again. */
const CALLERS_KEPT = 10_000;

export type RateAnswer = {
  readonly isAllowed: boolean;
  /** Requests left right now, and seconds until there is one again. */
  readonly left: number;
  readonly retryAfterS: number;
};

/** A token bucket per caller: `perSecond` requests a second, a burst of as many. Memory is bounded. */
export class RateLimiter {
  private readonly buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly perSecond: number;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  take(caller: string, nowMs: number): RateAnswer {
    const before = this.buckets.get(caller) ?? { tokens: this.perSecond, atMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - before.atMs);
    const tokens = Math.min(this.perSecond, before.tokens + (elapsedMs * this.perSecond) / 1000);
    const isAllowed = tokens >= 1;
    this.buckets.delete(caller);
    this.buckets.set(caller, { tokens: isAllowed ? tokens - 1 : tokens, atMs: nowMs });
    const oldest = this.buckets.keys().next();
    if (this.buckets.size > CALLERS_KEPT && oldest.done !== true) this.buckets.delete(oldest.value);
    return {
      isAllowed,
      left: Math.floor(isAllowed ? tokens - 1 : tokens),
      retryAfterS: isAllowed ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.perSecond)),
    };
  }
}
