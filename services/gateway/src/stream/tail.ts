import type { Pool } from '@logline/postgres';
import { findSpans, viewSize, type SpanRow } from '../storage/span-views.ts';

/** Newest spans kept in memory per tenant that is being watched; whoever is further behind reads the database. */
const KEPT = 1000;
const PAGE = 500;

/**
 * The end of one tenant's log as all its open streams share it: new spans are read once, however many watch. Contiguous by log
 * index, so a stream that follows it has no gap and no duplicate.
 */
export class TenantTail {
  private rows: SpanRow[] = [];
  /** Log index of the newest span held, or where holding began. */
  private end: number;
  private readonly wakers = new Set<() => void>();
  private reading: Promise<void> | undefined;
  private isStale = false;

  private constructor(
    private readonly pool: Pool,
    private readonly tenant: string,
    end: number,
  ) {
    this.end = end;
  }

  static async open(pool: Pool, tenant: string): Promise<TenantTail> {
    return new TenantTail(pool, tenant, (await viewSize(pool, tenant)) - 1);
  }

  get newest(): number {
    return this.end;
  }

  /** Spans behind `after`, or null when they are not held any more and must be read from the database. */
  heldAfter(after: number): readonly SpanRow[] | null {
    const first = this.rows[0]?.index ?? this.end + 1;
    if (after + 1 < first) return null;
    return this.rows.slice(Math.max(0, after + 1 - first));
  }

  onNew(waker: () => void): () => void {
    this.wakers.add(waker);
    return () => this.wakers.delete(waker);
  }

  get isWatched(): boolean {
    return this.wakers.size > 0;
  }

  /** Reads what is new. Calls that come while one is reading make it read once more. */
  async refresh(): Promise<void> {
    this.isStale = true;
    this.reading ??= this.readAll().finally(() => (this.reading = undefined));
    await this.reading;
  }

  private async readAll(): Promise<void> {
    while (this.isStale) {
      this.isStale = false;
      for (;;) {
        const filter = { tenant: this.tenant, after: this.end, before: Number.MAX_SAFE_INTEGER, limit: PAGE };
        const fresh = await findSpans(this.pool, filter);
        const last = fresh.at(-1);
        if (last === undefined) break;
        this.rows = [...this.rows, ...fresh].slice(-KEPT);
        this.end = last.index;
        for (const wake of this.wakers) wake();
        if (fresh.length < PAGE) break;
      }
    }
  }
}
