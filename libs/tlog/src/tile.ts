import { parseDecimal } from './decimal.ts';
import { TlogError } from './errors.ts';
import { HASH_BYTES, type NodeId, type ReadNode, nodeHash, pairHash } from './tree.ts';

/** A full tile is 256 hashes wide, and covers eight levels of the tree. */
export const TILE_WIDTH = 256;
export const TILE_HEIGHT = 8;

/** The highest level a path may name; of the tile levels 0 to 63 no tree of 2^63 leaves has more than eight. */
const MAX_LEVEL = 63;

/** An entry in a bundle has its length before it in two bytes. */
export const MAX_ENTRY_BYTES = 65_535;

/** One tile of a log: of hashes at a tile level, or of `entries`. `width` is 256 for a full one, less for a partial one. */
export interface TileId {
  readonly level: number | 'entries';
  readonly index: bigint;
  readonly width: number;
}

/**
 * How wide a tile is in a tree of `size` leaves: 256 when it is full, and 0 when the tree does not reach it.
 * @see C2SP tlog-tiles, "Merkle Tree"
 */
export function tileWidth(level: number | 'entries', index: bigint, size: bigint): number {
  const hashes = size >> BigInt(TILE_HEIGHT * (level === 'entries' ? 0 : level));
  const beyond = hashes - index * BigInt(TILE_WIDTH);
  return beyond <= 0n ? 0 : beyond >= BigInt(TILE_WIDTH) ? TILE_WIDTH : Number(beyond);
}

/** The tile, as wide as it is in a tree of `size` leaves, that a complete subtree can be computed from. */
export function tileOfNode(node: NodeId, size: bigint): TileId {
  const level = Math.floor(node.level / TILE_HEIGHT);
  const index = node.index >> BigInt(TILE_HEIGHT - (node.level % TILE_HEIGHT));
  return { level, index, width: tileWidth(level, index, size) };
}

/** Every tile that holds one of `nodes`, once: what to fetch before a proof is computed. */
export function tilesOfNodes(nodes: readonly NodeId[], size: bigint): TileId[] {
  const tiles = new Map<string, TileId>();
  for (const node of nodes) {
    const tile = tileOfNode(node, size);
    tiles.set(formatTilePath(tile), tile);
  }
  return [...tiles.values()];
}

/** Reads the nodes of a tree of `size` leaves from its tiles. `readTile` may give a wider tile than it was asked for. */
export function tileReader(size: bigint, readTile: (tile: TileId) => Uint8Array): ReadNode {
  return (level, index) => nodeFromTile(readTile(tileOfNode({ level, index }, size)), { level, index });
}

/**
 * The hash of a complete subtree, computed from the bytes of the tile that holds it.
 * @throws TlogError `MALFORMED_TILE` if the tile is not a row of hashes or not wide enough
 */
export function nodeFromTile(tile: Uint8Array, node: NodeId): Uint8Array {
  const height = node.level % TILE_HEIGHT;
  const width = 1 << height;
  const start = Number(node.index % BigInt(TILE_WIDTH >> height)) * width;
  if (
    tile.length % HASH_BYTES !== 0 ||
    tile.length > TILE_WIDTH * HASH_BYTES ||
    tile.length < (start + width) * HASH_BYTES
  ) {
    throw new TlogError(
      'MALFORMED_TILE',
      `a tile of ${tile.length} bytes does not hold hashes ${start} to ${start + width}`,
    );
  }
  return rowHash(tile, start, width);
}

/**
 * The hash that a full tile adds to the level above.
 * @throws TlogError `MALFORMED_TILE` if the tile is not full: a partial tile is never hashed into its parent
 */
export function tileHash(tile: Uint8Array): Uint8Array {
  if (tile.length !== TILE_WIDTH * HASH_BYTES) {
    throw new TlogError(
      'MALFORMED_TILE',
      `a full tile has ${TILE_WIDTH * HASH_BYTES} bytes, not ${tile.length}`,
    );
  }
  return rowHash(tile, 0, TILE_WIDTH);
}

function rowHash(tile: Uint8Array, start: number, width: number): Uint8Array {
  if (width === 1) return tile.slice(start * HASH_BYTES, (start + 1) * HASH_BYTES);
  if (width === 2) return pairHash(tile, start * HASH_BYTES);
  return nodeHash(rowHash(tile, start, width / 2), rowHash(tile, start + width / 2, width / 2));
}

/** `tile/<level>/<index>[.p/<width>]`. Pairs with {@link parseTilePath}. */
export function formatTilePath({ level, index, width }: TileId): string {
  const isLevel = level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= MAX_LEVEL);
  if (!isLevel || index < 0n || !Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new TlogError(
      'MALFORMED_TILE',
      `there is no tile of level ${level}, index ${index}, width ${width}`,
    );
  }
  const digits = index.toString();
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? [];
  const number = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${number}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

const TILE_PATH =
  /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/**
 * The tile that a path names, if it is the one way of writing that path.
 * @throws TlogError `MALFORMED_TILE`
 * @see C2SP tlog-tiles, "Merkle Tree" and "Log entries"
 */
export function parseTilePath(path: string): TileId {
  const [, level, groups, width] = TILE_PATH.exec(path) ?? [];
  if (level === undefined || groups === undefined)
    throw new TlogError('MALFORMED_TILE', 'the path is not that of a tile');
  const digits = groups.replaceAll(/[x/]/g, '').replace(/^0{1,2}(?=.)/, '');
  const tile: TileId = {
    level: level === 'entries' ? level : Number(level),
    index: parseDecimal(digits, 'MALFORMED_TILE', 'the index of the tile'),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  // written again, it must be the same: that refuses levels beyond 63, widths beyond 255, needless groups of zeros
  if (formatTilePath(tile) !== path) throw new TlogError('MALFORMED_TILE', 'the path is not that of a tile');
  return tile;
}

/**
 * Entries as a bundle: each with its length before it, in two big-endian bytes. Pairs with {@link parseBundle}.
 * @throws TlogError `ENTRY_TOO_LARGE` if an entry has more than 65,535 bytes; `MALFORMED_TILE` if there are more than 256
 */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length > TILE_WIDTH)
    throw new TlogError('MALFORMED_TILE', `a bundle has at most 256 entries, not ${entries.length}`);
  const bundle = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  const view = new DataView(bundle.buffer);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES)
      throw new TlogError('ENTRY_TOO_LARGE', `an entry of ${entry.length} bytes fits no bundle`);
    view.setUint16(at, entry.length);
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle, as views into it.
 * @throws TlogError `MALFORMED_TILE` if it is cut short, or does not hold exactly `width` entries
 */
export function parseBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 <= bundle.length ? at + 2 + view.getUint16(at) : Infinity;
    if (end > bundle.length || entries.length === width) {
      throw new TlogError('MALFORMED_TILE', `the bundle does not hold exactly ${width} entries`);
    }
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  if (entries.length !== width)
    throw new TlogError('MALFORMED_TILE', `the bundle does not hold exactly ${width} entries`);
  return entries;
}
