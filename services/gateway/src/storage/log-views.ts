import { query, type Pool } from '@logline/postgres';
import type { TileId } from '@logline/tlog';

/** A signed checkpoint, and how many entries it covers. */
export type CheckpointRow = { readonly size: number; readonly note: string };

/** The newest signed checkpoint of a log; null when it has none. */
export async function newestCheckpoint(pool: Pool, tenant: string): Promise<CheckpointRow | null> {
  const [row] = await query<CheckpointRow>(
    pool,
    'select size, note from views.checkpoint where tenant = $1 order by size desc limit 1',
    [tenant],
  );
  return row ?? null;
}

/** The checkpoint of exactly this size; null when a commit passed it over. */
export async function findCheckpoint(
  pool: Pool,
  tenant: string,
  size: number,
): Promise<CheckpointRow | null> {
  const [row] = await query<CheckpointRow>(
    pool,
    'select size, note from views.checkpoint where tenant = $1 and size = $2',
    [tenant, size],
  );
  return row ?? null;
}

/** Whether anybody may read the log; null when there is no such log. */
export async function findPublication(
  pool: Pool,
  tenant: string,
): Promise<{ readonly isPublic: boolean } | null> {
  const [row] = await query<{ isPublic: boolean }>(
    pool,
    'select is_public as "isPublic" from views.log where tenant = $1',
    [tenant],
  );
  return row ?? null;
}

/** The log's origin and its verifier key, as its first entry names them; null before the views hold that. */
export async function findLogKey(
  pool: Pool,
  tenant: string,
): Promise<{ readonly origin: string; readonly key: string } | null> {
  const [row] = await query<{ origin: string; key: string }>(
    pool,
    `select origin, state->'view'->>'log_key' as key from views.log join views.subject_state using (tenant)
     where tenant = $1 and subject = 'urn:tenant:' || $1`,
    [tenant],
  );
  return row ?? null;
}

export type LeafRow = { readonly index: number; readonly leaf: Uint8Array };

/** Where an entry stands, found by its span's id, its leaf hash or its index; null when the views hold no such entry. */
export async function findLeaf(
  pool: Pool,
  tenant: string,
  by: { readonly this: string } | { readonly leaf: Uint8Array } | { readonly index: number },
): Promise<LeafRow | null> {
  const [where, value] =
    'this' in by
      ? ['this = $2', by.this]
      : 'leaf' in by
        ? ['leaf = $2', Buffer.from(by.leaf)]
        : ['idx = $2', by.index];
  const [row] = await query<LeafRow>(
    pool,
    `select idx as index, leaf from views.span where tenant = $1 and ${where} order by idx limit 1`,
    [tenant, value],
  );
  return row ?? null;
}

export type ReceiptRow = {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly logTimeMs: number;
  readonly signature: string;
  readonly origin: string;
  /** The first checkpoint that covers the entry: the one its receipt was given with. */
  readonly size: number;
  readonly checkpoint: string;
};

/** All that a receipt is made of but the proof; null while the views do not hold the span or the checkpoint that covers it. */
export async function findReceiptParts(pool: Pool, tenant: string, id: string): Promise<ReceiptRow | null> {
  const [row] = await query<ReceiptRow>(
    pool,
    `select s.idx as index, s.bytes, s.log_time_ms as "logTimeMs", s.receipt_signature as signature, l.origin, c.size, c.note as checkpoint
     from views.span s join views.log l using (tenant)
     cross join lateral (select size, note from views.checkpoint where tenant = $1 and size > s.idx order by size limit 1) c
     where s.tenant = $1 and s.this = $2`,
    [tenant, id],
  );
  return row ?? null;
}

/**
 * Hashes of a tile, as wide as asked for; full ones are stored, partial ones are leaves (level 0) or roots of full tiles.
 * Null when the views do not reach that far.
 */
export async function findTile(
  pool: Pool,
  tenant: string,
  { level, index, width }: TileId,
): Promise<Uint8Array | null> {
  if (level === 'entries') return null;
  if (width === 256) {
    const [row] = await query<{ hashes: Uint8Array }>(
      pool,
      'select hashes from views.tile where tenant = $1 and level = $2 and n = $3',
      [tenant, level, index],
    );
    return row?.hashes ?? null;
  }
  const start = index * 256n;
  const end = start + BigInt(width);
  const rows =
    level === 0
      ? await query<{ hash: Uint8Array }>(
          pool,
          'select leaf as hash from views.span where tenant = $1 and idx >= $2 and idx < $3 order by idx',
          [tenant, start, end],
        )
      : await query<{ hash: Uint8Array }>(
          pool,
          'select root as hash from views.tile where tenant = $1 and level = $2 and n >= $3 and n < $4 order by n',
          [tenant, level - 1, start, end],
        );
  return rows.length === width ? Buffer.concat(rows.map(({ hash }) => hash)) : null;
}

/** The entries of a bundle; null when the views do not reach that far. */
export async function findEntries(
  pool: Pool,
  tenant: string,
  { index, width }: TileId,
): Promise<readonly Uint8Array[] | null> {
  const start = index * 256n;
  const rows = await query<{ bytes: Uint8Array }>(
    pool,
    'select bytes from views.span where tenant = $1 and idx >= $2 and idx < $3 order by idx',
    [tenant, start, start + BigInt(width)],
  );
  return rows.length === width ? rows.map(({ bytes }) => bytes) : null;
}
