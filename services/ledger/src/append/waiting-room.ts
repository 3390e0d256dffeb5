import type { BatchRequest } from '../domain/batch.ts';
import { untilAborted } from './pause.ts';

/** One accepted envelope, from its arrival until its effects are on disk and answered. */
export type Waiting = {
  /** Requests not yet answered; one that is late leaves. */
  requests: readonly BatchRequest[];
  readonly spans: number;
  readonly bytes: number;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
};

/**
 * One for each request. The envelope is settled when all of them are. It fails with the error that asks most of whoever hears it: one request that
 * nobody could take now must not be dropped with another that nobody ever can.
 * @param rank - the higher, the more it asks
 */
export function splitWaiting(
  { requests, done, fail }: Waiting,
  rank: (error: unknown) => number,
): readonly Waiting[] {
  let open = requests.length;
  const errors: unknown[] = [];
  const settled = (): void => {
    if (--open > 0) return;
    const [worst] = errors.toSorted((one, other) => rank(other) - rank(one));
    if (errors.length === 0) done();
    else fail(worst);
  };
  return requests.map((request) => ({
    requests: [request],
    ...sizeOf([request]),
    done: settled,
    fail: (error) => {
      errors.push(error);
      settled();
    },
  }));
}

/** So that a turn stays within some hundred milliseconds and some MiB, however many wait. Each log costs two signatures more, and its tree before and after. */
const MOST_SPANS = 2_048;
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_LOGS = 256;

/** Where envelopes wait for the next turn, in stream order. How many may wait is bounded by whoever lets them in. */
export class WaitingRoom {
  #waiting: Waiting[] = [];
  #wake: () => void = () => undefined;

  get size(): number {
    return this.#waiting.length;
  }

  /** Enters at once; resolves when the turn that took it is settled, rejects when none will. */
  enter(requests: readonly BatchRequest[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ requests, ...sizeOf(requests), done: resolve, fail: reject });
      this.#wake();
    });
  }

  async filled(signal: AbortSignal): Promise<void> {
    while (this.#waiting.length === 0 && !signal.aborted)
      await untilAborted(signal, (wake) => (this.#wake = wake));
  }

  /** All that waits, up to the size of a turn; at least one if any waits. */
  takeTurn(): readonly Waiting[] {
    let spans = 0;
    let bytes = 0;
    const tenants = new Set<string>();
    const end = this.#waiting.findIndex((one) => {
      for (const { tenant } of one.requests) tenants.add(tenant);
      spans += one.spans;
      bytes += one.bytes;
      return spans > MOST_SPANS || bytes > MOST_BYTES || tenants.size > MOST_LOGS;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end));
  }

  empty(error: Error): void {
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}

function sizeOf(requests: readonly BatchRequest[]): Pick<Waiting, 'spans' | 'bytes'> {
  const all = requests.flatMap((request) => request.spans);
  const bytes = all.reduce(
    (sum, { entry, verdict }) => sum + entry.bytes.length + (verdict?.bytes.length ?? 0),
    0,
  );
  return { spans: all.length, bytes };
}
