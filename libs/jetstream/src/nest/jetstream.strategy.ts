import type { NatsConnection } from '@nats-io/nats-core';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Classify } from '../classify.ts';
import type { JetStreamContext } from '../context.ts';
import { JetStreamError } from '../errors.ts';
import { noLog, type Log } from '../log.ts';
import type { LoopCounts } from '../message-loop-options.ts';
import { MessageLoop } from '../message-loop.ts';
import { recreateConsumer } from '../recreate-consumer.ts';
import { consumerPattern, type ConsumeExtras } from './consume.ts';

export type JetStreamStrategyOptions = {
  readonly nc: NatsConnection;
  readonly classify?: Classify;
  /** A handler threw a fatal error; its loop has stopped. By default the process ends. */
  readonly onFatal?: (error: unknown) => void;
  readonly log?: Log;
};

export type ConsumerStatus = LoopCounts & {
  readonly stream: string;
  readonly consumer: string;
  readonly inFlight: number;
  readonly isHealthy: boolean;
};

/** Connects `@Consume` methods with their durable consumers. One loop for each; loops know nothing of each other. */
export class JetStreamStrategy extends Server implements CustomTransportStrategy {
  readonly #options: JetStreamStrategyOptions;
  readonly #loops = new Map<string, { readonly loop: MessageLoop; isWanted: boolean }>();

  constructor(options: JetStreamStrategyOptions) {
    super();
    this.#options = options;
  }

  /** Called by Nest once all handlers are registered. */
  listen(callback: (error?: unknown) => void): void {
    try {
      for (const [pattern, handler] of this.messageHandlers) this.#addLoop(pattern, handler);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Stops pulling everywhere, waits for running handlers, and gives the rest back. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#loops.values()].map(async (one) => {
        one.isWanted = false;
        await one.loop.stop('release');
      }),
    );
  }

  /** Starts a paused consumer. */
  resume(stream: string, consumer: string): void {
    const one = this.#find(stream, consumer);
    one.isWanted = true;
    one.loop.start();
  }

  /** Stops a consumer and waits for its running handlers. What waits is dropped: whoever leads now has recreated the consumer. */
  async pause(stream: string, consumer: string): Promise<void> {
    const one = this.#find(stream, consumer);
    one.isWanted = false;
    await one.loop.stop('drop');
  }

  /** What each consumer has done since the start. */
  statuses(): readonly ConsumerStatus[] {
    return [...this.#loops.values()].map(({ loop }) => ({
      ...loop.counts,
      stream: loop.stream,
      consumer: loop.consumer,
      inFlight: loop.inFlight,
      isHealthy: loop.isHealthy(),
    }));
  }

  /** Whether every consumer that should be running is heard from. */
  isHealthy(): boolean {
    return [...this.#loops.values()].every(({ loop, isWanted }) => !isWanted || loop.isHealthy());
  }

  /** The transport has no events of its own. */
  on(): void {}

  unwrap<T>(): T {
    return this.#options.nc as T; // Nest's signature: the caller names what it knows to be there
  }

  #addLoop(pattern: string, handler: MessageHandler): void {
    if (!isConsumeExtras(handler.extras))
      throw new JetStreamError('REFUSED', `the handler of ${pattern} has no @Consume`);
    if (handler.next !== undefined)
      throw new JetStreamError('REFUSED', `${pattern} has two handlers; a message is settled once`);
    const { stream, consumer, options } = handler.extras;
    const { nc, classify, onFatal, log = noLog } = this.#options;
    const loop = new MessageLoop({
      nc,
      stream,
      consumer,
      how: options,
      // who is started by hand leads, and may recreate the durable it reads
      ...(options.paused === true ? { restoreOrder: () => recreateConsumer(nc, stream, consumer) } : {}),
      ...(options.rejected === undefined ? {} : { rejected: options.rejected }),
      ...(classify === undefined ? {} : { classify }),
      ...(onFatal === undefined ? {} : { onFatal }),
      log,
      handle: (messages) =>
        options.mode === 'batch'
          ? call(handler, messages, messages[0])
          : call(handler, messages[0].bytes, messages[0]),
    });
    const isWanted = options.paused !== true;
    this.#loops.set(pattern, { loop, isWanted });
    if (isWanted) loop.start();
  }

  #find(stream: string, consumer: string): { readonly loop: MessageLoop; isWanted: boolean } {
    const one = this.#loops.get(consumerPattern(stream, consumer));
    if (one === undefined)
      throw new JetStreamError('REFUSED', `nobody handles ${consumerPattern(stream, consumer)}`);
    return one;
  }
}

/** Nest wraps what a handler returns or throws into an observable. */
async function call(handler: MessageHandler, data: unknown, context: JetStreamContext): Promise<unknown> {
  const result: unknown = await handler(data, context);
  return isObservable(result) ? await lastValueFrom(result, { defaultValue: undefined }) : result;
}

function isConsumeExtras(extras: unknown): extras is ConsumeExtras {
  return (
    typeof extras === 'object' &&
    extras !== null &&
    'stream' in extras &&
    'consumer' in extras &&
    'options' in extras
  );
}
