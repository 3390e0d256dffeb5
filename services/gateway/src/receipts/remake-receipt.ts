import { blake3Hash } from '@logline/canon-sign';
import { formatInstant, type Receipt } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import {
  formatProof,
  formatTilePath,
  inclusionNodes,
  proveInclusion,
  tileReader,
  tilesOfNodes,
  type TileId,
} from '@logline/tlog';
import { findReceiptParts, findTile } from '../storage/log-views.ts';

/** The receipt of a span; null while the views do not hold the span and a checkpoint that covers it. */
export async function remakeReceipt(pool: Pool, tenant: string, id: string): Promise<Receipt | null> {
  const parts = await findReceiptParts(pool, tenant, id);
  if (parts === null) return null;
  const index = BigInt(parts.index);
  const size = BigInt(parts.size);
  const wanted = tilesOfNodes(inclusionNodes(index, size), size);
  const found = await Promise.all(
    wanted.map(async (tile) => [formatTilePath(tile), await findTile(pool, tenant, tile)] as const),
  );
  const tiles = new Map<string, Uint8Array>();
  for (const [path, hashes] of found) {
    if (hashes === null) return null;
    tiles.set(path, hashes);
  }
  const readTile = (tile: TileId): Uint8Array => tiles.get(formatTilePath(tile)) ?? new Uint8Array();
  const hashes = proveInclusion(index, size, tileReader(size, readTile));
  return {
    ts: formatInstant(parts.logTimeMs),
    hash: blake3Hash(parts.bytes),
    signature: parts.signature,
    merkle: formatProof({ index, hashes, checkpoint: parts.checkpoint }),
    this: id,
    log: parts.origin,
    index: parts.index,
  };
}
