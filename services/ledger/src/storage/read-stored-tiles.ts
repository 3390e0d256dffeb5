import { int8Of } from './read-entry-page.ts';
import type { RawSql } from './raw-connection.ts';

export type TileRow = {
  readonly level: number;
  readonly n: number;
  readonly hash: Buffer;
  readonly hashes: Buffer;
};

const READ_STORED_TILES = `
SELECT t.level::bigint, t.n, t.hash, t.hashes FROM unnest($2::smallint[], $3::bigint[]) AS q(level, n)
  JOIN tile t ON t.log_id = $1 AND t.level = q.level AND t.n = q.n`;

/** Tiles as they are stored; in no order, and without those that are not there. */
export async function readStoredTiles(
  sql: RawSql,
  logId: number,
  tiles: readonly { readonly level: number; readonly n: number }[],
): Promise<readonly TileRow[]> {
  const rows = await sql.raw(READ_STORED_TILES, [
    logId,
    tiles.map(({ level }) => level),
    tiles.map(({ n }) => n),
  ]);
  return rows.map(([level, n, hash, hashes]) => ({
    level: int8Of(level),
    n: int8Of(n),
    hash: hash ?? NOTHING,
    hashes: hashes ?? NOTHING,
  }));
}
const NOTHING = Buffer.alloc(0);
