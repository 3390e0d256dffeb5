import type { ServerResponse } from 'node:http';
import { matchesIntent } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { formatCursor } from '../domain/cursor.ts';
import { findSpans, type SpanRow } from '../storage/span-views.ts';
import type { TenantTail } from './tail.ts';

const HEARTBEAT_MS = 15_000;
const PAGE = 200;
/** A client that reads slower than this much behind is cut off, with an id to resume from. */
const MOST_BUFFERED_BYTES = 1024 * 1024;

export type Watch = {
  readonly tenant: string;
  readonly subject: string | undefined;
  readonly intent: string | undefined;
  readonly sinceMs: number | undefined;
  /** Log index behind which to begin. */
  readonly after: number;
};

/** Writes a tenant's spans to one SSE client: what is stored first, then what is new. Ends when the client goes or is too slow. */
export class EventStream {
  private after: number;
  private isPumping = false;
  private isStale = true;
  private isOver = false;
  private readonly unsubscribe: () => void;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(
    private readonly response: ServerResponse,
    private readonly pool: Pool,
    private readonly tail: TenantTail,
    private readonly watch: Watch,
    private readonly onEnd: () => void,
  ) {
    this.after = watch.after;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    });
    // primes the client's last event id, so that a connection lost before the first span resumes here
    response.write(`retry: 1000\nid: ${formatCursor(this.after)}\ndata:\n\n`);
    this.unsubscribe = tail.onNew(() => this.wake());
    this.heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
    response.on('close', () => this.end());
    response.on('error', () => this.end());
    this.wake();
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.unsubscribe();
    clearInterval(this.heartbeat);
    this.response.end();
    this.onEnd();
  }

  private wake(): void {
    this.isStale = true;
    if (this.isPumping) return;
    this.isPumping = true;
    this.pump()
      .catch(() => this.end())
      .finally(() => {
        this.isPumping = false;
      });
  }

  private async pump(): Promise<void> {
    while (this.isStale && !this.isOver) {
      this.isStale = false;
      while (!this.isOver && this.after < this.tail.newest) {
        const held = this.tail.heldAfter(this.after);
        if (held === null) await this.sendStored();
        else this.sendHeld(held);
      }
    }
  }

  private sendHeld(rows: readonly SpanRow[]): void {
    const { subject, intent } = this.watch;
    for (const row of rows) {
      if ((subject === undefined || row.subject === subject) && matchesIntent(row.intent, intent))
        this.send(row);
      this.after = row.index;
    }
  }

  private async sendStored(): Promise<void> {
    const { tenant, subject, intent, sinceMs } = this.watch;
    const before = this.tail.newest + 1;
    const rows = await findSpans(this.pool, {
      tenant,
      subject,
      intent,
      sinceMs,
      after: this.after,
      before,
      limit: PAGE,
    });
    for (const row of rows) this.send(row);
    this.after = rows.length < PAGE ? before - 1 : (rows.at(-1)?.index ?? this.after);
  }

  private send({ index, bytes }: SpanRow): void {
    if (this.isOver) return;
    this.response.write(`id: ${formatCursor(index)}\ndata: ${Buffer.from(bytes).toString('utf8')}\n\n`);
    if (this.response.writableLength > MOST_BUFFERED_BYTES) this.end();
  }
}
