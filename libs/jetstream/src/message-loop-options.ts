import type { NatsConnection } from '@nats-io/nats-core';
import type { Classify } from './classify.ts';
import type { JetStreamContext } from './context.ts';
import type { Log } from './log.ts';
import type { PaceOptions } from './pace.ts';

/**
 * How messages reach the handler. `ordered`: one at a time, nothing overtakes. `batch`: as many as are there, up to `limit`, together, and under load not
 * more often than `pace` says; else like ordered. `concurrent`: handlers are started in stream order and not waited for, up to `limit` at once.
 */
export type HandlerMode =
  | { readonly mode: 'ordered' }
  | { readonly mode: 'batch'; readonly limit: number; readonly pace?: PaceOptions }
  | { readonly mode: 'concurrent'; readonly limit: number };

export type MessageLoopOptions = {
  readonly nc: NatsConnection;
  readonly stream: string;
  readonly consumer: string;
  readonly how: HandlerMode;
  /**
   * Resolves when the messages' effects are durable; they are acknowledged then. One message, but in `batch` mode; there it may resolve to `Rejection[]`:
   * those of the batch that can never be handled, while the others are done.
   */
  readonly handle: (messages: readonly [JetStreamContext, ...JetStreamContext[]]) => Promise<unknown>;
  readonly classify?: Classify;
  /** What becomes of a message that can never be handled. By default a fact is parked, anything else terminated. */
  readonly rejected?: 'terminate' | 'park';
  /**
   * Has the durable deliver again, in order, everything unacknowledged: `recreateConsumer` or `resetConsumer`. Used where order counts, when a delivery was
   * lost on the way (a connection broke), for the server would send it again behind others; and at the start, unless the durable is new.
   */
  readonly restoreOrder?: () => Promise<unknown>;
  /** The loop has stopped because of this. */
  readonly onFatal?: (error: unknown) => void;
  readonly log?: Log;
};

/** One message of a batch that can never be handled, and why. */
export type Rejection = { readonly message: JetStreamContext; readonly error: unknown };

export type LoopCounts = {
  handled: number;
  retried: number;
  terminated: number;
  parked: number;
  /** Delivered again while the first delivery was in our hands, or after it was handled. */
  repeated: number;
};
