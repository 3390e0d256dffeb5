import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { parseStrict, utf8 } from '@logline/canon-sign';
import { checkerOf, Span } from '@logline/contracts';
import { ConnectionError, LogLineError } from './errors.ts';
import { pause } from './pause.ts';

const spanChecker = checkerOf(Span);
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

/** `bytes` are the span's canonical bytes as they came: what its receipt is for. */
export type StreamedSpan = { readonly span: Span; readonly bytes: Uint8Array; readonly cursor: string };

export type Reconnect = {
  /** Opens the stream behind a cursor; without one, where the caller wanted to begin. */
  readonly open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>;
  readonly signal: AbortSignal;
  /** Silence of so long, heartbeats included, is a dead connection. */
  readonly idleMs: number;
  /** Told before each new attempt. */
  readonly onReconnect?: (error: unknown) => void;
};

/**
 * Spans of an SSE stream, for ever: a connection that is lost is opened again behind the last span, without gap or duplicate.
 * Ends when the signal aborts. @throws LogLineError for an answer that no retry can mend (401, 403, 404, 410), or that is no span
 */
export async function* streamSpans({
  open,
  signal,
  idleMs,
  onReconnect,
}: Reconnect): AsyncGenerator<StreamedSpan> {
  let cursor: string | undefined;
  let waitMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    const attempt = new Attempt(signal, idleMs);
    try {
      const response = await open(cursor, attempt.signal);
      for await (const { data, id } of eventsOf(response, attempt)) {
        waitMs = FIRST_RETRY_MS;
        if (data !== '') yield toSpan(data, id ?? cursor ?? '');
        cursor = id ?? cursor;
      }
      onReconnect?.(new ConnectionError('the server ended the stream', { code: 'NETWORK' }));
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
      onReconnect?.(error);
      waitMs = Math.max(waitMs, retryAfterMs(error));
    } finally {
      attempt.end();
    }
    await pause(waitMs * (0.75 + Math.random() / 2), signal);
    waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
  }
}

/** One connection: ends with the caller's signal, or when it has been silent for too long, its first byte included. */
class Attempt {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #idleMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #abort = (): void => this.#controller.abort();

  constructor(outer: AbortSignal, idleMs: number) {
    this.#outer = outer;
    this.#idleMs = idleMs;
    outer.addEventListener('abort', this.#abort, { once: true });
    this.touch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#abort, this.#idleMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#abort);
    this.#abort();
  }
}

async function* eventsOf(response: Response, attempt: Attempt): AsyncGenerator<EventSourceMessage> {
  if (response.body === null || !isEventStream(response))
    throw new LogLineError('the answer is no event stream', { code: 'PROTOCOL' });
  const queue: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => queue.push(event) });
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(response.body)) {
    attempt.touch();
    parser.feed(decoder.decode(chunk, { stream: true }));
    // while these are in the caller's hands, the server's silence is the caller's doing
    for (const event of queue.splice(0)) {
      yield event;
      attempt.touch();
    }
  }
}

function isEventStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') === true;
}

/** A reader rather than the stream itself: not every browser iterates a ReadableStream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function toSpan(data: string, cursor: string): StreamedSpan {
  const bytes = utf8(data);
  const span = parseSpan(bytes);
  if (!spanChecker.check(span))
    throw new LogLineError('the stream sent something that is no span', { code: 'PROTOCOL' });
  return { span, bytes, cursor };
}

function parseSpan(bytes: Uint8Array): unknown {
  try {
    return parseStrict(bytes);
  } catch (cause) {
    throw new LogLineError('the stream sent something that is not JSON', { code: 'PROTOCOL', cause });
  }
}

/** An answer that says no, or one that makes no sense; not a lost connection, a busy server, or a proxy's page. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof LogLineError) || error instanceof ConnectionError) return false;
  if (error.status === undefined) return true;
  return error.status < 500 && error.status !== 408 && error.status !== 429;
}

function retryAfterMs(error: unknown): number {
  return error instanceof LogLineError ? (error.retryAfterS ?? 0) * 1000 : 0;
}
