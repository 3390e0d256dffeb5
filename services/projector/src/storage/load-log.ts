import { query, type Pool } from '@logline/postgres';
import { tiledEdgeOf, type TileId } from '@logline/tlog';
import type { LogView } from '../domain/log-view.ts';

const SIZE = { name: 'log-size', text: 'select size from log where tenant = $1' };
const LEAVES = {
  name: 'partial-leaves',
  text: 'select leaf as hash from span where tenant = $1 and idx >= $2 and idx < $3 order by idx',
};
const ROOTS = {
  name: 'partial-roots',
  text: 'select root as hash from tile where tenant = $1 and level = $2 and n >= $3 and n < $4 order by n',
};

/** The view of a log as it was last committed; the empty log when there is none. Reads its partial tiles only. */
export async function loadLog(pool: Pool, tenant: string): Promise<LogView> {
  const [row] = await query<{ size: number }>(pool, SIZE, [tenant]);
  const size = BigInt(row?.size ?? 0);
  const tiles = new Map<number, Uint8Array>();
  for (let level = 0; size >> BigInt(8 * level) > 0n; level += 1) {
    const end = size >> BigInt(8 * level);
    const start = (end / 256n) * 256n;
    tiles.set(level, await partialTile(pool, tenant, level, start, end));
  }
  const readTile = ({ level }: TileId): Uint8Array =>
    (level === 'entries' ? undefined : tiles.get(level)) ?? new Uint8Array();
  return { tenant, edge: tiledEdgeOf(size, readTile) };
}

/** Hashes `[start, end)` of a tile level: leaves at level 0, roots of full tiles above. */
async function partialTile(
  pool: Pool,
  tenant: string,
  level: number,
  start: bigint,
  end: bigint,
): Promise<Uint8Array> {
  const rows =
    level === 0
      ? await query<{ hash: Uint8Array }>(pool, LEAVES, [tenant, start, end])
      : await query<{ hash: Uint8Array }>(pool, ROOTS, [tenant, level - 1, start, end]);
  return Buffer.concat(rows.map(({ hash }) => hash));
}
