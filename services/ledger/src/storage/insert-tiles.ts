import { type FullTile, tileHash } from '@logline/tlog';
import type { Log } from '../domain/seal.ts';
import type { Sql } from './append-connection.ts';
import { concatenate } from './concatenate.ts';

const INSERT_TILES = {
  name: 'insert_tiles',
  text: `
INSERT INTO tile (log_id, level, n, hash, hashes)
SELECT q.log_id, q.level, q.n,
       substring($4::bytea FROM (q.at * 32 - 31)::int FOR 32),
       substring($5::bytea FROM (q.at * 8192 - 8191)::int FOR 8192)
  FROM unnest($1::int[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS q(log_id, level, n, at)`,
};

/** The tiles a commit has filled. Only full ones are stored, and only once: partial ones follow from entries and from the tiles below. */
export async function insertTiles(
  sql: Sql,
  seals: readonly { after: Pick<Log, 'logId'>; tiles: readonly FullTile[] }[],
): Promise<void> {
  const tiles = seals.flatMap(({ after, tiles: full }) =>
    full.map((tile) => ({ ...tile, logId: after.logId })),
  );
  if (tiles.length === 0) return;
  await sql.run(INSERT_TILES, [
    tiles.map(({ logId }) => logId),
    tiles.map(({ level }) => level),
    tiles.map(({ index }) => index),
    concatenate(tiles.map(({ bytes }) => tileHash(bytes))),
    concatenate(tiles.map(({ bytes }) => bytes)),
  ]);
}
