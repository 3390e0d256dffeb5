import {
  type AuditReport,
  formatRotations,
  formatTilePath,
  type LogReader,
  partialTiles,
  ROTATIONS_FILE,
  type TileId,
  tileWidth,
  type TreeHead,
} from '@logline/tlog';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { utf8 } from '@logline/canon-sign';
import type { Context } from '../context.ts';
import { identityOf } from '../receipts/log-key.ts';
import { auditLog } from './audit-log.ts';
import type { FolderLog } from './folder-log.ts';
import type { SignedHead } from './head.ts';
import type { OpenLog } from './open-log.ts';
import { MAX_BUNDLE_BYTES, TILE_BYTES } from './tile-bytes.ts';

export type MirrorReport = { readonly report: AuditReport; readonly kept: number; readonly fetched: number };

/**
 * Brings a folder to where the head is: what is there is kept and checked again, what is missing is fetched, each file written whole once it
 * agrees with all below it. The checkpoint, which makes the folder a log, comes last, when the root it signs is that of these entries.
 */
export async function mirror(
  context: Context,
  { http, keys }: OpenLog,
  folder: FolderLog,
  head: SignedHead,
  before: TreeHead | null,
): Promise<MirrorReport> {
  const found = new Set<string>();
  const count = { kept: 0, fetched: 0 };
  const readBoth = async (
    tile: TileId,
    maxBytes: number,
    fetch: () => Promise<Uint8Array | null>,
  ): Promise<Uint8Array | null> => {
    const path = formatTilePath(tile);
    const own = await folder.read(path, maxBytes);
    if (own === null) return await fetch();
    found.add(path);
    return own;
  };
  const reader: LogReader = {
    checkpoint: async () => head.note,
    tile: (tile) => readBoth(tile, TILE_BYTES, () => http.tile(tile)),
    entries: (tile) => readBoth(tile, MAX_BUNDLE_BYTES, () => http.entries(tile)),
  };
  const onTile = async (tile: TileId, bytes: Uint8Array): Promise<void> => {
    const path = formatTilePath(tile);
    if (found.delete(path)) {
      count.kept += 1;
      return;
    }
    await folder.write(path, bytes);
    count.fetched += 1;
  };
  const known = before === null ? [] : [before];
  const log = identityOf(keys.keys);
  const report = await auditLog(context, reader, { log, known, onTile, size: head.size, doing: 'exported' });
  if (report.fault === null) {
    const { rotations } = keys.succession;
    // beside the checkpoint, so that the copy too leads whoever pinned the first key to the one that signed it
    if (rotations.length > 0) await folder.write(ROTATIONS_FILE, utf8(formatRotations(rotations)));
    await folder.write('checkpoint', new TextEncoder().encode(head.note));
    if (before !== null) await dropPartial(folder, before.size, head.size);
  }
  return { report, ...count };
}

/** Removes the partial tiles that only the checkpoint before needed. */
async function dropPartial(folder: FolderLog, before: bigint, now: bigint): Promise<void> {
  const kept = new Set(partialsOf(now).map((tile) => formatTilePath(tile)));
  for (const tile of partialsOf(before)) {
    const path = formatTilePath(tile);
    if (kept.has(path)) continue;
    const file = join(folder.dir, path);
    await rm(file, { force: true });
    await rmdir(dirname(file)).catch(() => undefined); // not empty: others of this tile are still needed
  }
}

function partialsOf(size: bigint): readonly TileId[] {
  const width = Number(size % 256n);
  const bundle: TileId = {
    level: 'entries',
    index: size / 256n,
    width: tileWidth('entries', size / 256n, size),
  };
  return [...partialTiles(size), ...(width === 0 ? [] : [bundle])];
}
