import { formatTilePath, TILE_WIDTH, type TileId } from '@logline/tlog';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';
import { bytesOf } from './load-logs.ts';

const READ_FULL = {
  name: 'read_full_tiles',
  text: `
SELECT t.level, t.n, t.hashes FROM unnest($2::smallint[], $3::bigint[]) AS q(level, n)
  JOIN tile t ON t.log_id = $1 AND t.level = q.level AND t.n = q.n`,
};
const READ_LEAVES = {
  name: 'read_leaves',
  text: `SELECT string_agg(leaf, '' ORDER BY idx) AS hashes FROM entry WHERE log_id = $1 AND idx >= $2 AND idx < $3`,
};
const READ_UPPER = {
  name: 'read_tile_hashes',
  text: `SELECT string_agg(hash, '' ORDER BY n) AS hashes FROM tile WHERE log_id = $1 AND level = $2 AND n >= $3 AND n < $4`,
};

/**
 * Tiles of one log by path, full or as narrow as asked for: a partial tile is put together from the leaves, or from the full tiles below.
 * @throws LedgerError `LOG_CORRUPT` if a hash that must be there is not
 */
export async function readTiles(
  sql: Sql,
  logId: number,
  tiles: readonly TileId[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const full = tiles.filter(({ width }) => width === TILE_WIDTH);
  if (full.length > 0) {
    const { rows } = await sql.run(READ_FULL, [
      logId,
      full.map(({ level }) => level),
      full.map(({ index }) => Number(index)),
    ]);
    for (const { level, n, hashes } of rows) {
      found.set(
        formatTilePath({ level: Number(level), index: BigInt(Number(n)), width: TILE_WIDTH }),
        bytesOf(hashes),
      );
    }
  }
  for (const tile of tiles.filter(({ width }) => width < TILE_WIDTH))
    found.set(formatTilePath(tile), await readPartial(sql, logId, tile));
  const missing = tiles.find((tile) => found.get(formatTilePath(tile))?.length !== tile.width * 32);
  if (missing !== undefined)
    throw new LedgerError('LOG_CORRUPT', `log ${logId} lacks hashes of ${formatTilePath(missing)}`);
  return found;
}

async function readPartial(sql: Sql, logId: number, { level, index, width }: TileId): Promise<Uint8Array> {
  const start = Number(index) * TILE_WIDTH;
  const { rows } =
    level === 0 || level === 'entries'
      ? await sql.run(READ_LEAVES, [logId, start, start + width])
      : await sql.run(READ_UPPER, [logId, level - 1, start, start + width]);
  return rows[0]?.['hashes'] instanceof Uint8Array ? rows[0]['hashes'] : new Uint8Array(0);
}
