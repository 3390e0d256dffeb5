import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { canonicalBytes, parseStrict } from '@logline/canon-sign';
import { checkerOf, Span } from '@logline/contracts';
import { ConnectionError, LogLineError, NotFoundError } from './errors.ts';

const spanChecker = checkerOf(Span);
/** The server says something every 15 s; silence for three times that is a dead connection. */
const BYTE_IDLE_MS = 45_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

export type StreamedSpan = { readonly span: Span; readonly bytes: Uint8Array; readonly cursor: string };

export type Reconnect = {
  /** Opens the stream behind a cursor; without one, where the caller wanted to begin. */
  readonly open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>;
  readonly signal: AbortSignal;
  /** Told before each new attempt. */
  readonly onReconnect?: (error: unknown) => void;
};

/**
 * Spans of an SSE stream, for ever: a connection that is lost is opened again behind the last span, without gap or duplicate.
 * Ends when the signal aborts. @throws LogLineError for an answer that no retry can mend (401, 403, 404, 410)
 */
export async function* streamSpans({ open, signal, onReconnect }: Reconnect): AsyncGenerator<StreamedSpan> {
  let cursor: string | undefined;
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const response = await open(cursor, attempt.signal);
      for await (const event of events(response, attempt)) {
        retryMs = FIRST_RETRY_MS;
        if (event.data !== '') yield toSpan(event.data, event.id ?? cursor ?? '');
        cursor = event.id ?? cursor;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
      onReconnect?.(error);
    } finally {
      signal.removeEventListener('abort', abort);
      attempt.abort();
    }
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  }
}

async function* events(response: Response, attempt: AbortController): AsyncGenerator<EventSourceMessage> {
  if (response.body === null) throw new ConnectionError('the stream has no body', { code: 'PROTOCOL' });
  const queue: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => queue.push(event) });
  const decoder = new TextDecoder();
  let idle = setTimeout(() => attempt.abort(), BYTE_IDLE_MS);
  try {
    for await (const chunk of chunksOf(response.body)) {
      clearTimeout(idle);
      idle = setTimeout(() => attempt.abort(), BYTE_IDLE_MS);
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* queue.splice(0);
    }
  } finally {
    clearTimeout(idle);
  }
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
  const bytes = new TextEncoder().encode(data);
  const span: unknown = parseStrict(bytes);
  if (!spanChecker.check(span))
    throw new LogLineError('the stream sent something that is no span', { code: 'PROTOCOL' });
  return { span, bytes: canonicalBytes(span), cursor };
}

function isFinal(error: unknown): boolean {
  if (!(error instanceof LogLineError)) return false;
  if (error instanceof NotFoundError || error.code === 'PROTOCOL')
    return error.status !== undefined && error.status < 500;
  return error.status !== undefined && error.status < 500 && error.status !== 429;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
