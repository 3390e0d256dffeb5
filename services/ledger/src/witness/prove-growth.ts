import { consistencyNodes, formatTilePath, proveConsistency, tileReader, tilesOfNodes } from '@logline/tlog';
import type { Sql } from '../storage/append-connection.ts';
import { readTiles } from '../storage/read-tiles.ts';

/**
 * The proof that a log of `to` leaves begins with its first `from`, from what is stored.
 * @throws LedgerError `LOG_CORRUPT` if a hash that must be there is not
 */
export async function proveGrowth(sql: Sql, logId: number, from: number, to: number): Promise<Uint8Array[]> {
  const size = BigInt(to);
  const nodes = consistencyNodes(BigInt(from), size);
  const tiles = await readTiles(sql, logId, tilesOfNodes(nodes, size));
  return proveConsistency(
    BigInt(from),
    size,
    tileReader(size, (tile) => tiles.get(formatTilePath(tile)) ?? new Uint8Array(0)),
  );
}
