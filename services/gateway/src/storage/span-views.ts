import { query, type Pool } from '@logline/postgres';

/** A span as the views hold it; `bytes` are the exact canonical bytes. */
export type SpanRow = {
  readonly index: number;
  readonly intent: string;
  readonly subject: string;
  readonly bytes: Uint8Array;
};
type Row = { idx: string; intent: string; subject: string; bytes: Uint8Array };

export type SpanFilter = {
  readonly tenant: string;
  readonly subject?: string | undefined;
  /** Intent, or a family by a final `.*`. */
  readonly intent?: string | undefined;
  /** Behind this log index, and before that one. */
  readonly after: number;
  readonly before: number;
  readonly sinceMs?: number | undefined;
  readonly limit: number;
};

/** How many entries of the tenant's log the views hold. */
export async function viewSize(pool: Pool, tenant: string): Promise<number> {
  const [row] = await query<{ size: string }>(pool, 'select size from views.log where tenant = $1', [tenant]);
  return Number(row?.size ?? 0);
}

/** Oldest first. */
export async function findSpans(pool: Pool, filter: SpanFilter): Promise<readonly SpanRow[]> {
  const family = filter.intent?.endsWith('.*') === true ? `${escapeLike(filter.intent.slice(0, -1))}%` : null;
  const exact = family === null && filter.intent !== '*' ? (filter.intent ?? null) : null;
  const rows = await query<Row>(
    pool,
    `select idx, intent, subject, bytes from views.span
     where tenant = $1 and idx > $2 and idx < $3
       and ($4::text is null or subject = $4) and ($5::text is null or intent = $5) and ($6::text is null or intent like $6)
       and ($7::bigint is null or log_time_ms >= $7)
     order by idx limit $8`,
    [
      filter.tenant,
      filter.after,
      filter.before,
      filter.subject ?? null,
      exact,
      family,
      filter.sinceMs ?? null,
      filter.limit,
    ],
  );
  return rows.map(({ idx, ...row }) => ({ ...row, index: Number(idx) }));
}

/** The span with this id; null when the tenant has none. */
export async function findSpan(pool: Pool, tenant: string, id: string): Promise<SpanRow | null> {
  const [row] = await query<Row>(
    pool,
    'select idx, intent, subject, bytes from views.span where tenant = $1 and this = $2',
    [tenant, id],
  );
  return row === undefined
    ? null
    : { index: Number(row.idx), intent: row.intent, subject: row.subject, bytes: row.bytes };
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (char) => `\\${char}`);
}
