import type { Pool } from '@logline/postgres';
import {
  formatTilePath,
  tileReader,
  tilesOfNodes,
  type NodeId,
  type ReadNode,
  type TileId,
} from '@logline/tlog';
import { findTile } from './log-views.ts';

/** Reads `nodes` of the tree of `size` leaves, all at once; null while the views do not hold every tile of them. */
export async function readNodes(
  pool: Pool,
  tenant: string,
  nodes: readonly NodeId[],
  size: bigint,
): Promise<ReadNode | null> {
  const found = await Promise.all(
    tilesOfNodes(nodes, size).map(
      async (tile) => [formatTilePath(tile), await findTile(pool, tenant, tile)] as const,
    ),
  );
  const tiles = new Map<string, Uint8Array>();
  for (const [path, hashes] of found) {
    if (hashes === null) return null;
    tiles.set(path, hashes);
  }
  return tileReader(size, (tile: TileId) => tiles.get(formatTilePath(tile)) ?? new Uint8Array());
}
