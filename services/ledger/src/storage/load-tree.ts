import { formatEdge, formatTilePath, partialTiles, rootOf, tiledEdgeOf } from '@logline/tlog';
import type { Log } from '../domain/seal.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';
import { loadLogKeys } from './load-log-keys.ts';
import type { StoredLog } from './load-logs.ts';
import { readTiles } from './read-tiles.ts';

/**
 * A log as it is appended to, its edge rebuilt from leaves and tiles.
 * @throws LedgerError `LOG_CORRUPT` if that does not lead to the root of the last commit: appending would sign another history
 */
export async function loadTree(sql: Sql, stored: StoredLog): Promise<Log> {
  const { logId, tenant, origin, size, timeMs, link } = stored;
  const tiles = await readTiles(sql, logId, partialTiles(BigInt(size)));
  const tree = tiledEdgeOf(BigInt(size), (tile) => tiles.get(formatTilePath(tile)) ?? new Uint8Array(0));
  if (!isSame(rootOf(tree), stored.root) || !isSame(formatEdge(tree), stored.edge)) {
    throw new LedgerError(
      'LOG_CORRUPT',
      `the stored leaves of ${tenant} do not lead to its root at size ${size}`,
    );
  }
  return { logId, tenant, origin, size, timeMs, tree, link, keys: await loadLogKeys(sql, stored) };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
