import type { LoggerService } from '@nestjs/common';
import type { Log } from './log.ts';

/** Nest's own messages, as lines of the service's log. Its chatter about modules and routes is debug. */
export class NestLog implements LoggerService {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  log(message: unknown, ...more: readonly unknown[]): void {
    this.#log.debug(toFields(more), toText(message));
  }
  debug(message: unknown, ...more: readonly unknown[]): void {
    this.#log.trace(toFields(more), toText(message));
  }
  verbose(message: unknown, ...more: readonly unknown[]): void {
    this.#log.trace(toFields(more), toText(message));
  }
  warn(message: unknown, ...more: readonly unknown[]): void {
    this.#log.warn(toFields(more), toText(message));
  }
  error(message: unknown, ...more: readonly unknown[]): void {
    this.#log.error(
      message instanceof Error ? { ...toFields(more), err: message } : toFields(more),
      toText(message),
    );
  }
  fatal(message: unknown, ...more: readonly unknown[]): void {
    this.#log.fatal(
      message instanceof Error ? { ...toFields(more), err: message } : toFields(more),
      toText(message),
    );
  }
}

/** Nest passes its context last. */
function toFields(more: readonly unknown[]): { readonly context?: string } {
  const context = more.at(-1);
  return typeof context === 'string' && context.length < 100 ? { context } : {};
}

function toText(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
