import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { JetStreamContext } from './context.ts';
import { newInbox } from './link.ts';
import type { Log } from './log.ts';

export type PullerOptions = {
  readonly nc: NatsConnection;
  readonly stream: string;
  readonly consumer: string;
  /** How many messages the owner could take now. Asked before each pull. */
  readonly capacity: () => number;
  /** In stream order as the server sends them. Must not throw. */
  readonly onMessage: (message: JetStreamContext) => void;
  /** The consumer or its stream is not there, or the connection was lost; called again until it is back. Pulling goes on by itself. */
  readonly onInterrupted?: (why: 'missing' | 'reconnected') => void;
  readonly log: Log;
};

const EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 2_000;

/**
 * Keeps one pull request open at a durable consumer. Unlike the client's `consume()` it needs no more permission than to pull,
 * and comes back within a second or so when consumer, stream or server were away.
 */
export class Puller {
  readonly #options: PullerOptions;
  readonly #inbox: string;
  #subscription: Subscription | undefined;
  #monitor: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;
  #serial = 0;
  /** Messages the open pull request may still bring; 0 when none is open. */
  #outstanding = 0;
  #lastHeardMs = 0;
  #misses = 0;
  #isStopped = true;

  constructor(options: PullerOptions) {
    this.#options = options;
    this.#inbox = newInbox(options.nc);
  }

  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    const { nc } = this.#options;
    this.#subscription = nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error !== null) return this.#options.log.error({ reason: error.message }, 'pull inbox refused');
        this.#receive(message);
      },
    });
    void this.#watchConnection(nc);
    this.#monitor = setInterval(() => this.#check(), 1_000);
    this.pull();
  }

  /** Soon opens a pull request if none is open and there is room. What is freed in one turn of the event loop is asked for at once. */
  pull(): void {
    if (this.#isStopped || this.#outstanding > 0 || this.#next !== undefined) return;
    this.#next = setImmediate(() => {
      this.#next = undefined;
      this.#pullNow();
    });
  }

  #pullNow(): void {
    if (this.#isStopped || this.#outstanding > 0 || this.#retry !== undefined) return;
    const { nc, stream, consumer, capacity } = this.#options;
    const batch = capacity();
    if (batch <= 0 || nc.isClosed()) return;
    this.#serial++;
    this.#outstanding = batch;
    this.#lastHeardMs = performance.now();
    nc.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      JSON.stringify({ batch, expires: EXPIRES_MS * 1_000_000, idle_heartbeat: HEARTBEAT_MS * 1_000_000 }),
      { reply: `${this.#inbox}.${this.#serial}` },
    );
  }

  /** No message arrives after this. What the server has sent already is lost to us, and comes again after `ack_wait`. */
  stop(): void {
    this.#end();
    this.#subscription?.unsubscribe();
  }

  /** Asks for no more, and resolves when everything the server had sent by then has arrived. */
  async drain(): Promise<void> {
    this.#end();
    try {
      await this.#subscription?.drain();
    } catch {
      this.#subscription?.unsubscribe(); // not connected: nothing can arrive
    }
  }

  #end(): void {
    this.#isStopped = true;
    clearInterval(this.#monitor);
    clearTimeout(this.#retry);
    clearImmediate(this.#next);
    this.#retry = undefined;
    this.#next = undefined;
    this.#outstanding = 0;
  }

  /** Whether the server has been heard from lately, or nothing is asked of it because the owner is full. */
  isHealthy(): boolean {
    return (
      !this.#isStopped &&
      this.#misses === 0 &&
      (this.#outstanding === 0 || performance.now() - this.#lastHeardMs < 3 * HEARTBEAT_MS)
    );
  }

  #receive(message: Msg): void {
    if (message.reply === undefined || message.reply === '') return this.#receiveStatus(message);
    let context: JetStreamContext;
    try {
      context = new JetStreamContext(message);
    } catch (error) {
      return this.#options.log.error({ err: error }, 'a message that is of no stream was dropped');
    }
    this.#lastHeardMs = performance.now();
    this.#misses = 0;
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    this.#options.onMessage(context);
    this.pull();
  }

  #receiveStatus(message: Msg): void {
    if (this.#isStopped || !message.subject.endsWith(`.${this.#serial}`)) return; // of an earlier pull
    const code = message.headers?.code ?? 0;
    this.#lastHeardMs = performance.now();
    switch (code) {
      case 100: // idle heartbeat
        this.#misses = 0;
        return;
      case 404:
      case 408: // the request ended by itself
        this.#misses = 0;
        this.#outstanding = 0;
        return this.pull();
      default:
        // 409: consumer deleted, leader changed, server going down; 503: nobody serves this consumer; 400: not a pull consumer
        return this.#tryLater(code, message.headers?.description ?? '');
    }
  }

  #tryLater(code: number, description: string): void {
    const { log, stream, consumer, onInterrupted } = this.#options;
    if (this.#misses === 0)
      log.warn({ stream, consumer, code, reason: description }, 'pulling is interrupted');
    this.#outstanding = 0;
    const delayMs = Math.min(1_000, 50 * 2 ** Math.min(this.#misses, 5));
    this.#misses++;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.pull();
    }, delayMs);
    if (code === 503 || code === 409) onInterrupted?.('missing');
  }

  /** A pull request of which nothing is heard is gone: the server restarted, or its answer was lost. */
  #check(): void {
    if (this.#outstanding > 0 && performance.now() - this.#lastHeardMs > 2.5 * HEARTBEAT_MS) {
      this.#outstanding = 0;
      this.#misses++;
    }
    this.pull();
  }

  async #watchConnection(nc: NatsConnection): Promise<void> {
    const subscription = this.#subscription;
    for await (const { type } of nc.status()) {
      if (this.#isStopped || this.#subscription !== subscription) return;
      if (type !== 'reconnect') continue;
      this.#outstanding = 0;
      this.#options.onInterrupted?.('reconnected');
      this.pull();
    }
  }
}
