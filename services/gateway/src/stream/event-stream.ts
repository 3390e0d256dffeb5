import type { ServerResponse } from 'node:http';
import { matchesIntent } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatCursor } from '../domain/cursor.ts';
import { findSpans, type SpanRow } from '../storage/span-views.ts';
import type { TenantTail } from './tail.ts';

/** What is taken in hand at once for one client: it waits in memory while a slow client reads. */
const PAGE = { limit: 200, maxBytes: 256 * 1024 } as const;

export type Watch = {
  readonly tenant: string;
  readonly subject: string | undefined;
  readonly intent: string | undefined;
  /** Log index behind which to begin. */
  readonly after: number;
};

export type StreamParts = {
  readonly response: ServerResponse;
  readonly pool: Pool;
  readonly tail: TenantTail;
  readonly watch: Watch;
  /** Asked with every heartbeat: whether the client's token is still good. */
  readonly isAllowed: () => Promise<boolean>;
  /** Called once, whoever ended it. */
  readonly onEnd: () => void;
  readonly heartbeatMs: number;
  readonly stallMs: number;
};

/**
 * Writes a tenant's spans to one SSE client: what is stored first, then what is new, each as soon as the client takes it. Ends when
 * the client goes, takes nothing for `stallMs`, or may not see it any more; it resumes by its last id without gap or duplicate.
 */
export class EventStream {
  readonly #parts: StreamParts;
  #unsubscribe = (): void => undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  /** Last log index looked at, sent or filtered out; and the last one the client was told of. */
  #after: number;
  #told: number;
  #isPumping = false;
  #isStale = false;
  #isOver = false;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#after = parts.watch.after;
    this.#told = parts.watch.after;
  }

  /** The head of the answer is written already. */
  start(): void {
    const { response, tail, heartbeatMs } = this.#parts;
    this.#unsubscribe = tail.onNew(() => this.#wake());
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    response.on('close', () => this.#finish());
    response.on('error', () => this.#finish());
    // primes the client's last event id, so that a connection lost before the first span resumes here
    response.write(`retry: 1000\nid: ${formatCursor(this.#after)}\ndata:\n\n`);
    // gone while its stream was being prepared: nothing would tell any more
    if (response.destroyed) this.#finish();
    else this.#wake();
  }

  /** Says goodbye; a client that does not take it is cut off. */
  async end(): Promise<void> {
    const { response } = this.#parts;
    const gone = new Promise<void>((resolve) => response.once('close', resolve));
    this.#finish();
    response.end();
    const timer = setTimeout(() => response.destroy(), 1000);
    if (!response.destroyed) await gone;
    clearTimeout(timer);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unsubscribe();
    clearInterval(this.#heartbeat);
    this.#parts.onEnd();
  }

  #cutOff(): void {
    this.#finish();
    this.#parts.response.destroy();
  }

  /** Keeps proxies from closing a quiet line, and moves the client's last id past what it did not ask for. */
  #beat(): void {
    const { response, isAllowed } = this.#parts;
    isAllowed().then(
      (isStill) => isStill || this.#cutOff(),
      () => undefined, // the database is away: the next beat asks again
    );
    if (response.writableNeedDrain) return;
    const mark = this.#after > this.#told ? `id: ${formatCursor(this.#after)}\ndata:\n\n` : '\n';
    this.#told = this.#after;
    response.write(`: still here\n${mark}`);
  }

  #wake(): void {
    this.#isStale = true;
    if (this.#isPumping || this.#isOver) return;
    // a failed read ends the stream, and the client resumes it
    this.#pump().catch(() => this.#cutOff());
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    try {
      while (this.#isStale && !this.#isOver) {
        this.#isStale = false;
        while (!this.#isOver && this.#after < this.#parts.tail.newest) await this.#sendPage();
      }
    } finally {
      // in the same step as the last look at isStale, so that no wake finds a pump that pumps no more
      this.#isPumping = false;
    }
  }

  async #sendPage(): Promise<void> {
    const { rows, upTo } = this.#heldPage() ?? (await this.#storedPage());
    const text = rows.map(toEvent).join('');
    if (text !== '') await this.#write(text);
    this.#told = rows.at(-1)?.index ?? this.#told;
    this.#after = upTo;
  }

  #heldPage(): Page | null {
    const { tail, watch } = this.#parts;
    const held = tail.heldAfter(this.#after);
    if (held === null) return null;
    const rows: SpanRow[] = [];
    let upTo = this.#after;
    let characters = 0;
    for (const row of held) {
      characters += row.text.length;
      if (rows.length > 0 && characters > PAGE.maxBytes) break;
      const isWanted = watch.subject === undefined || row.subject === watch.subject;
      if (isWanted && matchesIntent(row.intent, watch.intent)) rows.push(row);
      upTo = row.index;
    }
    return { rows, upTo };
  }

  async #storedPage(): Promise<Page> {
    const { pool, tail, watch } = this.#parts;
    const newest = tail.newest;
    const filter = { ...watch, after: this.#after, before: newest + 1, ...PAGE };
    const { rows, hasMore } = await findSpans(pool, filter);
    return { rows, upTo: hasMore ? (rows.at(-1)?.index ?? this.#after) : newest };
  }

  /** Resolves when the client has room again, or is gone. */
  async #write(text: string): Promise<void> {
    const { response, stallMs } = this.#parts;
    if (this.#isOver || response.write(text)) return;
    await new Promise<void>((resolve) => {
      const stalled = setTimeout(() => this.#cutOff(), stallMs);
      const done = (): void => {
        clearTimeout(stalled);
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }
}

/** Spans to send, and the log index up to which nothing else is wanted. */
type Page = { readonly rows: readonly SpanRow[]; readonly upTo: number };

/** Canonical JSON has no line breaks, so one data line holds it. */
function toEvent({ index, text }: SpanRow): string {
  return `id: ${formatCursor(index)}\ndata: ${text}\n\n`;
}
