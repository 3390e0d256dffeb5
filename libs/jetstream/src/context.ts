import { utf8 } from '@logline/canon-sign';
import { FACT_HEADERS, parseFactHeaders, type FactPlace } from '@logline/contracts';
import type { Msg } from '@nats-io/nats-core';
import { JetStreamError } from './errors.ts';
import { ReceivedHeaders, type HeaderPair } from './header-lines.ts';

/**
 * A stored message in the hands of a handler: the bytes, and where they stand in their stream. Settling it (ack, nak, term) is the loop's;
 * the handler only resolves or throws.
 */
export class JetStreamContext {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly stream: string;
  readonly consumer: string;
  /** One stored message. A sequence alone is not: memory streams begin at 1 again when the server has restarted. */
  readonly id: string;
  /** In the stream; proves nothing about a log. */
  readonly sequence: number;
  /** In the consumer: 1, 2, … for each delivery of any message. */
  readonly deliverySequence: number;
  /** 1 the first time. */
  readonly deliveryCount: number;
  /** When JetStream stored it: the clock that deadlines are judged by. */
  readonly timestampMs: number;
  /** How many more the consumer has after this one. */
  readonly pending: number;
  readonly #message: Msg;
  #headers: ReceivedHeaders | undefined;

  /** @throws JetStreamError `BAD_ANSWER` when it is no message of a stream */
  constructor(message: Msg) {
    const [stream = '', consumer = '', ...numbers] = ackTokens(message.reply ?? '');
    const [deliveryCount, sequence, deliverySequence, timestampNs, pending] = numbers.map(Number);
    if (
      deliveryCount === undefined ||
      sequence === undefined ||
      deliverySequence === undefined ||
      timestampNs === undefined
    ) {
      throw new JetStreamError('BAD_ANSWER', 'a message without the ack subject of a stream');
    }
    this.#message = message;
    this.subject = message.subject;
    this.bytes = message.data;
    this.stream = stream;
    this.consumer = consumer;
    this.deliveryCount = deliveryCount;
    this.sequence = sequence;
    this.id = `${sequence}@${numbers[3] ?? ''}`;
    this.deliverySequence = deliverySequence;
    this.timestampMs = Math.floor(timestampNs / 1_000_000);
    this.pending = pending ?? 0;
  }

  header(name: string): string | undefined {
    this.#headers ??= new ReceivedHeaders(this.#message);
    const value = this.#headers.get(name);
    return value === undefined || value === '' ? undefined : value;
  }

  get headerPairs(): readonly HeaderPair[] {
    this.#headers ??= new ReceivedHeaders(this.#message);
    return this.#headers.pairs();
  }

  /** Trace id of `traceparent`; undefined when the message has none. */
  get trace(): string | undefined {
    return this.header(FACT_HEADERS.traceparent)?.split('-')[1];
  }

  /** Where a fact stands in its log. @throws ContractError `BAD_HEADERS` */
  get place(): FactPlace {
    return parseFactHeaders((name) => this.header(name));
  }

  /** Done; not delivered again. */
  ack(): void {
    this.#message.respond(ACK);
  }

  /** Not now; delivered again after a while. */
  nak(delayMs: number): void {
    this.#message.respond(delayMs <= 0 ? NAK : `-NAK {"delay":${Math.round(delayMs) * 1_000_000}}`);
  }

  /** Still at it: the time until redelivery starts again. */
  working(): void {
    this.#message.respond(WORKING);
  }

  /** Never again; the reason is in the server's advisory. */
  terminate(reason: string): void {
    this.#message.respond(`+TERM ${reason.replaceAll(/[\r\n]+/g, ' ').slice(0, 256)}`);
  }
}

const ACK = utf8('+ACK');
const NAK = utf8('-NAK');
const WORKING = utf8('+WPI');

/** Stream, consumer and numbers of both forms of the ack subject: with and without domain and account. */
function ackTokens(reply: string): readonly string[] {
  const tokens = reply.split('.');
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return [];
  return tokens.length === 9 ? tokens.slice(2) : tokens.slice(4);
}
