import { formatBundle, parseBundle, type TileId, TlogError } from '@logline/tlog';

export const TILE_BYTES = 8192;
export const MAX_BUNDLE_BYTES: number = 256 * (2 + 65_535);
export const MAX_NOTE_BYTES = 1_000_000;

/** The beginning of a full tile, where the narrower one was asked for. */
export function cutHashes(full: Uint8Array, { width }: TileId): Uint8Array {
  return full.length === TILE_BYTES ? full.slice(0, width * 32) : full;
}

/** The first entries of a full bundle. What cannot be read stays whole, to be found out. */
export function cutEntries(full: Uint8Array, { width }: TileId): Uint8Array {
  try {
    return formatBundle(parseBundle(full, 256).slice(0, width));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    return full;
  }
}
