import { query, type Pool } from '@logline/postgres';

/** A span as the views hold it; `text` is its exact canonical text. */
export type SpanRow = {
  readonly index: number;
  readonly intent: string;
  readonly subject: string;
  readonly logTimeMs: number;
  readonly text: string;
};

export type SpanFilter = {
  readonly tenant: string;
  readonly subject?: string | undefined;
  /** Intent, or a family by a final `.*`. */
  readonly intent?: string | undefined;
  /** Behind this log index, and before that one. */
  readonly after: number;
  readonly before: number;
  readonly limit: number;
  /** Bytes of spans after which the page ends, however many are asked for; one span always fits. */
  readonly maxBytes: number;
};

/** `hasMore`: at least one more span matches behind the last row. */
export type SpanPage = { readonly rows: readonly SpanRow[]; readonly hasMore: boolean };

/** How many entries of the tenant's log the views hold. */
export async function viewSize(pool: Pool, tenant: string): Promise<number> {
  const [row] = await query<{ size: number }>(pool, 'select size from views.log where tenant = $1', [tenant]);
  return row?.size ?? 0;
}

/** Oldest first. Sizes are known without reading the spans, so a page costs no more than it holds. */
const FIND_SPANS = `
  with page as (
    select idx, intent, subject, log_time_ms, bytes from views.span
    where tenant = $1 and idx > $2 and idx < $3
      and ($4::text is null or subject = $4) and ($5::text is null or intent = $5) and ($6::text is null or intent like $6)
    order by idx limit $7::int + 1),
  sized as (
    select *, row_number() over by_index as nth, sum(octet_length(bytes)) over by_index - octet_length(bytes) as bytes_before
    from page window by_index as (order by idx))
  select idx as index, intent, subject, log_time_ms as "logTimeMs", convert_from(bytes, 'UTF8') as text, (select count(*) from page) as found
  from sized where nth <= $7 and bytes_before < $8 order by idx`;

export async function findSpans(pool: Pool, filter: SpanFilter): Promise<SpanPage> {
  const { tenant, subject, intent, after, before, limit, maxBytes } = filter;
  const family = intent?.endsWith('.*') === true ? `${escapeLike(intent.slice(0, -1))}%` : null;
  const exact = family === null && intent !== '*' ? (intent ?? null) : null;
  const rows = await query<SpanRow & { found: number }>(pool, { name: 'find-spans', text: FIND_SPANS }, [
    tenant,
    after,
    before,
    subject ?? null,
    exact,
    family,
    limit,
    maxBytes,
  ]);
  return { rows, hasMore: rows.length < (rows[0]?.found ?? 0) };
}

/**
 * The log index of the first span whose log time is not before `sinceMs`, or `size` when all are. Log time never goes
 * backwards, so halving finds it, in one statement.
 */
export async function firstSince(pool: Pool, tenant: string, size: number, sinceMs: number): Promise<number> {
  const [row] = await query<{ low: number }>(
    pool,
    `with recursive search(low, high) as (
       select 0::bigint, $2::bigint
       union all
       select case when log_time_ms < $3 then middle + 1 else low end, case when log_time_ms < $3 then high else middle end
       from search cross join lateral (select (low + high) / 2 as middle) halved
       join views.span on tenant = $1 and idx = middle
       where low < high)
     select low from search where low >= high`,
    [tenant, size, sinceMs],
  );
  return row?.low ?? size;
}

/** The span with this id; null when the tenant has none. */
export async function findSpan(pool: Pool, tenant: string, id: string): Promise<string | null> {
  const [row] = await query<{ text: string }>(
    pool,
    "select convert_from(bytes, 'UTF8') as text from views.span where tenant = $1 and this = $2",
    [tenant, id],
  );
  return row?.text ?? null;
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (char) => `\\${char}`);
}
