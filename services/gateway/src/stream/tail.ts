import type { Pool } from '@logline/postgres';
import { findSpans, viewSize, type SpanRow } from '../storage/span-views.ts';

/** Newest spans kept in memory per tenant that is being watched; whoever is further behind reads the database. */
const KEPT = 1000;
const KEPT_CHARACTERS = 4 * 1024 * 1024;
const PAGE = { limit: 500, maxBytes: 2 * 1024 * 1024 } as const;

/**
 * The end of one tenant's log as all its open streams share it: new spans are read once, however many watch. Contiguous by log
 * index, so a stream that follows it has no gap and no duplicate.
 */
export class TenantTail {
  private rows: readonly SpanRow[] = [];
  /** Log index of the newest span held, or where holding began; undefined before the first refresh. */
  private end: number | undefined;
  private readonly wakers = new Set<() => void>();
  private reading: Promise<void> | undefined;
  private isStale = false;

  constructor(
    private readonly pool: Pool,
    private readonly tenant: string,
  ) {}

  /** −1 for an empty log, and before the first `refresh`. */
  get newest(): number {
    return this.end ?? -1;
  }

  /** Spans behind `after`, or null when they are not held any more and must be read from the database. */
  heldAfter(after: number): readonly SpanRow[] | null {
    const first = this.rows[0]?.index ?? this.newest + 1;
    if (after + 1 < first) return null;
    return this.rows.slice(after + 1 - first);
  }

  onNew(waker: () => void): () => void {
    this.wakers.add(waker);
    return () => this.wakers.delete(waker);
  }

  /** Reads what is new. Calls that come while one is reading make it read once more. @throws PostgresError */
  async refresh(): Promise<void> {
    this.isStale = true;
    this.reading ??= this.readAll();
    await this.reading;
  }

  private async readAll(): Promise<void> {
    try {
      this.end ??= (await viewSize(this.pool, this.tenant)) - 1;
      while (this.isStale) {
        this.isStale = false;
        await this.readNew(this.end);
      }
    } finally {
      // in the same step as the last look at isStale, so that no call finds a reading that reads no more
      this.reading = undefined;
    }
  }

  private async readNew(from: number): Promise<void> {
    const { tenant } = this;
    for (let after = from, hasMore = true; hasMore;) {
      const page = await findSpans(this.pool, { tenant, after, before: Number.MAX_SAFE_INTEGER, ...PAGE });
      after = page.rows.at(-1)?.index ?? after;
      hasMore = page.hasMore;
      this.end = after;
      if (page.rows.length === 0) continue;
      this.rows = newestOf([...this.rows, ...page.rows]);
      for (const wake of this.wakers) wake();
    }
  }
}

/** The last of them, as many as may be kept. */
function newestOf(rows: readonly SpanRow[]): readonly SpanRow[] {
  let from = rows.length;
  for (let characters = 0; from > 0 && rows.length - from < KEPT; from -= 1) {
    characters += rows[from - 1]?.text.length ?? 0;
    if (characters > KEPT_CHARACTERS) break;
  }
  return rows.slice(from);
}
