import { Catch, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import type { HandlerMode } from '../message-loop-options.ts';

export type ConsumeOptions = HandlerMode & {
  /** Not started with the application but by `strategy.resume()`: for leaders. */
  readonly paused?: boolean;
  /** What becomes of messages that can never be handled; facts are parked by default, all else terminated. */
  readonly rejected?: 'terminate' | 'park';
};

export type ConsumeExtras = {
  readonly stream: string;
  readonly consumer: string;
  readonly options: ConsumeOptions;
};

/** The pattern under which a durable consumer's handler is registered. */
export const consumerPattern = (stream: string, consumer: string): string => `${stream}/${consumer}`;

/**
 * The method handles one durable consumer's messages: `(bytes, message)`, or `(messages)` in batch mode. What it throws decides what becomes of the message;
 * it reaches `JetStreamStrategy` as thrown.
 */
export function Consume(stream: string, consumer: string, options: ConsumeOptions): MethodDecorator {
  const extras: ConsumeExtras = { stream, consumer, options };
  return (target, key, descriptor) => {
    EventPattern<string>(consumerPattern(stream, consumer), extras)(target, key, descriptor);
    UseFilters(PassErrors)(target, key, descriptor);
    // without these Nest hands over the first argument only
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
  };
}

/** Nest would hide the error behind "Internal server error"; the loop needs it to tell a retry from a no. */
@Catch()
class PassErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
