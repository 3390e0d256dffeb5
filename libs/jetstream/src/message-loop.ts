import { STREAMS } from '@logline/contracts';
import { classifyBy, type Classify } from './classify.ts';
import { JetStreamContext } from './context.ts';
import { JetStreamError } from './errors.ts';
import { HeldMessages } from './held-messages.ts';
import { noLog, type Log } from './log.ts';
import type { HandlerMode, LoopCounts, MessageLoopOptions, Rejection } from './message-loop-options.ts';
import { Pace } from './pace.ts';
import { park } from './park.ts';
import { Publisher } from './publisher.ts';
import { Puller } from './puller.ts';
import { RememberedIds } from './remembered-ids.ts';
import { acksAll } from './stream-settings.ts';

/** Messages fetched ahead in the modes that handle one thing at a time; of a batch, as many as another one. */
const AHEAD = 64;
/** An error nobody has classified is retried this often before the message counts as rejected. */
const UNKNOWN_ATTEMPTS = 5;
/** Must be well under the shortest `ack_wait`. */
const HEARTBEAT_MS = 1_000;
/**
 * Settled messages remembered, against a first ack that was lost; beyond, a message is handled again. Not a high-water mark: what
 * another process had in its hands comes late and must not be skipped.
 */
const LEAST_REMEMBERED = 4_096;

/** Pulls from one durable consumer, hands messages to a handler, and settles them by how it ended. */
export class MessageLoop {
  readonly counts: LoopCounts = { handled: 0, retried: 0, terminated: 0, parked: 0, repeated: 0 };
  readonly stream: string;
  readonly consumer: string;
  readonly #options: MessageLoopOptions;
  readonly #classify: Classify;
  readonly #log: Log;
  readonly #publisher: Publisher;
  readonly #limit: number;
  readonly #pace: Pace | undefined;
  /** Whether an ack of ours stands for all messages before it too. */
  readonly #acksAll: boolean;
  #puller: Puller | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #held = new HeldMessages();
  #queue: JetStreamContext[] = [];
  #running = new Set<Promise<void>>();
  #isHandling = false;
  readonly #handled = new RememberedIds(LEAST_REMEMBERED);
  /** Delivery sequence of the last message taken; the next one's is one more, or something was lost. */
  #delivered = 0;
  #restoring: Promise<void> | undefined;
  #state: 'paused' | 'running' | 'stopping' = 'paused';
  #wakeRetries = new Set<() => void>();
  /** Ends the wait for a turn; there while one is waited for. */
  #wakeTurn: (() => void) | undefined;

  constructor(options: MessageLoopOptions) {
    this.#options = options;
    this.stream = options.stream;
    this.consumer = options.consumer;
    this.#classify = options.classify ?? classifyBy();
    this.#log = options.log ?? noLog;
    this.#publisher = new Publisher(options.nc);
    const { how, stream, consumer } = options;
    this.#acksAll = how.mode !== 'concurrent' && acksAll(stream, consumer);
    this.#pace = how.mode === 'batch' && how.pace !== undefined ? new Pace(how.pace) : undefined;
    this.#limit =
      options.how.mode === 'concurrent'
        ? options.how.limit
        : Math.max(AHEAD, options.how.mode === 'batch' ? 2 * options.how.limit : 0);
  }

  get inFlight(): number {
    return this.#held.size;
  }

  /** Whether messages would come if there were any. */
  isHealthy(): boolean {
    return this.#puller?.isHealthy() ?? false;
  }

  start(): void {
    if (this.#state === 'running') return;
    this.#state = 'running';
    this.#handled.clear();
    this.#heartbeat = setInterval(() => {
      this.#held.keepAll();
    }, HEARTBEAT_MS);
    this.#pullFromStart();
  }

  /** With an inbox of its own, so that nothing of an earlier pull arrives. */
  #pullFromStart(): void {
    const { nc, stream, consumer } = this.#options;
    this.#delivered = 0;
    this.#puller = new Puller({
      nc,
      stream,
      consumer,
      log: this.#log,
      capacity: () => this.#capacity(),
      onMessage: (message) => this.#take(message),
    });
    this.#puller.start();
  }

  /**
   * Stops pulling and resolves when the running handlers are done and settled. The rest is given back at once (`release`), or dropped
   * where the consumer is no longer ours to settle.
   */
  async stop(rest: 'release' | 'drop' = 'release'): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    const drained = this.#puller?.drain();
    for (const wake of this.#wakeRetries) wake();
    const waiting = this.#queue;
    this.#queue = [];
    for (const message of waiting) {
      this.#held.delete(message.id);
      if (rest === 'release') message.nak(0);
    }
    await drained;
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    await this.#restoring;
    clearInterval(this.#heartbeat);
    this.#held.clear();
    // so that what was settled is out before the caller closes the connection or tells others
    if (!this.#options.nc.isClosed()) await this.#options.nc.flush().catch(() => undefined);
    this.#state = 'paused';
  }

  #capacity(): number {
    const free = this.#limit - this.#held.size;
    if (this.#options.how.mode === 'concurrent') return free;
    // what waits in the queue keeps us busy; small refills cost a request each
    return free >= Math.ceil(this.#limit / 4) ? free : 0;
  }

  #take(message: JetStreamContext): void {
    const { how, restoreOrder } = this.#options;
    if (this.#isStopping()) {
      // sent before the server knew that we stop
      if (!this.#held.has(message.id)) message.nak(0);
      return;
    }
    if (how.mode !== 'concurrent' && restoreOrder !== undefined) {
      if (message.deliverySequence !== this.#delivered + 1) return this.#startRestoring(restoreOrder);
      this.#delivered = message.deliverySequence;
    }
    if (this.#held.has(message.id)) {
      this.counts.repeated++;
      return; // the delivery in our hands will settle it
    }
    if (how.mode !== 'concurrent' && this.#handled.has(message.id)) {
      this.counts.repeated++;
      message.ack(); // the first ack was lost
      return;
    }
    this.#held.add(message);
    if (how.mode === 'concurrent') return this.#track(this.#runConcurrent(message));
    this.#queue.push(message);
    if (how.mode === 'batch' && this.#queue.length >= how.limit) this.#wakeTurn?.();
    if (!this.#isHandling) this.#track(this.#drainQueue());
  }

  #startRestoring(restoreOrder: () => Promise<unknown>): void {
    this.#puller?.stop();
    for (const { id } of this.#queue.splice(0)) this.#held.delete(id);
    this.#restoring = this.#restore(restoreOrder)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#restoring = undefined;
      });
  }

  /** What is being handled is finished first; then everything unacknowledged comes again, in order. */
  async #restore(restoreOrder: () => Promise<unknown>): Promise<void> {
    const { nc } = this.#options;
    this.#log.info({ stream: this.stream, consumer: this.consumer }, 'reading again behind what is settled');
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    for (let attempt = 1; !this.#isStopping(); attempt++) {
      try {
        await nc.flush();
        await restoreOrder();
        if (!this.#isStopping()) this.#pullFromStart();
        return;
      } catch (error) {
        if (nc.isClosed() || this.#classify(error) === 'fatal') throw error;
        this.#log.warn(
          { err: error, stream: this.stream, consumer: this.consumer },
          'order is not restored yet',
        );
        await this.#pause(backoffMs(attempt));
      }
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  async #runConcurrent(message: JetStreamContext): Promise<void> {
    try {
      await this.#options.handle([message]);
      this.#settle(message);
    } catch (error) {
      switch (this.#verdict(error, message.deliveryCount)) {
        case 'retry': {
          const delayMs = backoffMs(message.deliveryCount);
          this.#logRetry(error, message, delayMs);
          this.#held.delete(message.id);
          message.nak(this.#state === 'stopping' ? 0 : delayMs);
          break;
        }
        case 'reject':
          await this.#reject(error, message);
          break;
        case 'stop':
          throw error;
      }
    }
    this.#puller?.pull();
  }

  async #drainQueue(): Promise<void> {
    this.#isHandling = true;
    const { how } = this.#options;
    try {
      // what arrives in the same tick belongs to the first batch
      if (how.mode === 'batch') await Promise.resolve();
      for (;;) {
        if (this.#queue.length === 0) return;
        await this.#untilTurn();
        const [first, ...others] = this.#queue.splice(0, how.mode === 'batch' ? how.limit : 1);
        if (first === undefined) return;
        await this.#runOrdered([first, ...others]);
        this.#puller?.pull();
      }
    } finally {
      this.#isHandling = false;
    }
  }

  async #untilTurn(): Promise<void> {
    const { how } = this.#options;
    // a full batch gains nothing by waiting, nor does one that is filled meanwhile
    if (how.mode !== 'batch' || this.#queue.length >= how.limit) return;
    const waitMs = this.#pace?.begin(performance.now()) ?? 0;
    if (waitMs <= 0) return;
    await this.#pause(waitMs, (wake) => (this.#wakeTurn = wake));
    this.#wakeTurn = undefined;
  }

  /** Retries in place until it is decided, so that nothing overtakes. */
  async #runOrdered(messages: readonly [JetStreamContext, ...JetStreamContext[]]): Promise<void> {
    const [first] = messages;
    for (let attempt = 1; ; attempt++) {
      try {
        const rejections = toRejections(this.#options.how.mode, await this.#options.handle(messages));
        return await this.#settleAll(messages, rejections);
      } catch (error) {
        switch (this.#verdict(error, attempt)) {
          case 'retry': {
            if (this.#state !== 'running') return this.#giveBack(messages);
            const delayMs = backoffMs(attempt);
            this.#logRetry(error, first, delayMs);
            await this.#pause(delayMs);
            // stop() may have come in the meantime
            if (this.#isStopping()) return this.#giveBack(messages);
            break;
          }
          case 'reject':
            if (messages.length === 1) return void (await this.#reject(error, first));
            // one of them cannot be handled: find it, and let the others through
            for (const message of messages) {
              if (this.#isStopping()) this.#giveBack([message]);
              else await this.#runOrdered([message]);
            }
            return;
          case 'stop':
            throw error;
        }
      }
    }
  }

  /** In order. Where an ack stands for all before it, nothing behind a message that is still open is acknowledged. */
  async #settleAll(
    messages: readonly JetStreamContext[],
    rejections: ReadonlyMap<JetStreamContext, Rejection>,
  ): Promise<void> {
    for (const [at, message] of messages.entries()) {
      const rejection = rejections.get(message);
      if (rejection !== undefined) {
        const isSettled = await this.#reject(rejection.error, message);
        if (!isSettled && this.#acksAll) return this.#giveBack(messages.slice(at + 1));
      } else if (this.#acksAll && at < messages.length - 1) {
        this.#remember(message);
        this.counts.handled++;
      } else {
        this.#settle(message);
      }
    }
  }

  #verdict(error: unknown, attempt: number): 'retry' | 'reject' | 'stop' {
    switch (this.#classify(error)) {
      case 'rejected':
        return 'reject';
      case 'retryable':
        return 'retry';
      case 'fatal':
        return 'stop';
      case undefined:
        return attempt >= UNKNOWN_ATTEMPTS ? 'reject' : 'retry';
    }
  }

  /** Whether the message is settled; not when we stop before it is parked, and it is given back. */
  async #reject(error: unknown, message: JetStreamContext): Promise<boolean> {
    const rejected = this.#options.rejected ?? (this.stream === STREAMS.facts ? 'park' : 'terminate');
    const reason = reasonOf(error);
    const about = {
      err: error,
      stream: this.stream,
      consumer: this.consumer,
      sequence: message.sequence,
      subject: message.subject,
      trace: message.trace,
    };
    if (rejected === 'park') {
      if (!(await this.#park(message, reason))) {
        this.#giveBack([message]);
        return false;
      }
      this.#log.error(about, 'a message that cannot be handled was parked');
    } else {
      this.#log.error(about, 'a message that cannot be handled was dropped');
    }
    message.terminate(reason);
    this.#remember(message);
    if (rejected === 'park') this.counts.parked++;
    else this.counts.terminated++;
    return true;
  }

  /** Until it is stored, nothing behind it moves: a fact is never lost between two streams. False when we stop before that. */
  async #park(message: JetStreamContext, reason: string): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        await park(this.#publisher, this.consumer, message, reason);
        return true;
      } catch (error) {
        if (this.#classify(error) !== 'retryable') throw error;
        if (this.#isStopping()) return false;
        this.#logRetry(error, message, backoffMs(attempt));
        await this.#pause(backoffMs(attempt));
      }
    }
  }

  #settle(message: JetStreamContext): void {
    message.ack();
    this.#remember(message);
    this.counts.handled++;
  }

  #remember({ id }: JetStreamContext): void {
    this.#held.delete(id);
    if (this.#options.how.mode === 'concurrent') return;
    this.#handled.add(id);
  }

  #giveBack(messages: readonly JetStreamContext[]): void {
    for (const message of messages) {
      this.#held.delete(message.id);
      message.nak(0);
    }
  }

  #isStopping(): boolean {
    return this.#state !== 'running';
  }

  #logRetry(error: unknown, message: JetStreamContext, delayMs: number): void {
    this.counts.retried++;
    this.#log.warn(
      {
        err: error,
        stream: this.stream,
        consumer: this.consumer,
        sequence: message.sequence,
        delivery: message.deliveryCount,
        delayMs,
        trace: message.trace,
      },
      'a message could not be handled yet',
    );
  }

  #fail(error: unknown): void {
    this.#puller?.stop();
    this.#queue = [];
    const { onFatal } = this.#options;
    this.#log.error({ err: error, stream: this.stream, consumer: this.consumer }, 'the loop has stopped');
    if (onFatal !== undefined) return onFatal(error);
    queueMicrotask(() => {
      throw error; // nobody is in charge: let the process end
    });
  }

  async #pause(ms: number, hand: (wake: () => void) => void = () => undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#wakeRetries.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wakeRetries.add(wake);
      hand(wake);
    });
  }
}

/** What a batch handler says beside having handled the rest. */
function toRejections(mode: HandlerMode['mode'], result: unknown): ReadonlyMap<JetStreamContext, Rejection> {
  if (mode !== 'batch' || !Array.isArray(result)) return NONE;
  return new Map(result.filter(isRejection).map((rejection) => [rejection.message, rejection]));
}
const NONE: ReadonlyMap<JetStreamContext, Rejection> = new Map();

function isRejection(value: unknown): value is Rejection {
  return (
    typeof value === 'object' &&
    value !== null &&
    'error' in value &&
    'message' in value &&
    value.message instanceof JetStreamContext
  );
}

/** 100 ms, 200 ms … 5 s. */
function backoffMs(attempt: number): number {
  return Math.min(5_000, 50 * 2 ** Math.min(attempt, 10));
}

/** Code and message, never a payload. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`.slice(0, 1024);
}

/** The loop of a process without Nest. @throws JetStreamError `REFUSED` for a limit below one */
export function pullMessages(options: MessageLoopOptions): {
  close(): Promise<void>;
  readonly loop: MessageLoop;
} {
  if (options.how.mode !== 'ordered' && options.how.limit < 1)
    throw new JetStreamError('REFUSED', 'a limit below one');
  const loop = new MessageLoop(options);
  loop.start();
  return { close: () => loop.stop(), loop };
}
