import { type TiledEdge, emptyTiledEdge, growTiles, partialTiles } from './batch.ts';
import { type Checkpoint, type LogIdentity, verifyCheckpoint } from './checkpoint.ts';
import { TlogError, type TlogErrorCode } from './errors.ts';
import { leafHash } from './leaf.ts';
import type { TreeHead } from './receipt.ts';
import {
  type TileId,
  TILE_HEIGHT,
  TILE_WIDTH,
  formatTilePath,
  nodeFromTile,
  parseBundle,
  tileHash,
  tileOfNode,
  tileWidth,
} from './tile.ts';
import { HASH_BYTES, isSameHash, rootOf, rootOfLeaves } from './tree.ts';

/**
 * Where a log is read from: a folder, a server, a database. Nothing it gives is believed. What is not there is `null`; a reader throws only
 * when it cannot tell (no network, no permission), and then there is no answer either way. Called for several tiles at once.
 */
export interface LogReader {
  /** The signed note, or null. */
  checkpoint(): Promise<string | null>;
  /** The hashes of a tile, as wide as asked for. */
  tile(tile: TileId): Promise<Uint8Array | null>;
  /** The bundle of entries beside a tile of level 0; `tile.level` is `entries`. */
  entries(tile: TileId): Promise<Uint8Array | null>;
}

export interface AuditOptions {
  readonly log: LogIdentity;
  /** Heads of this log that were verified before: it must have grown from each. Those beyond its checkpoint are not compared. */
  readonly known?: readonly TreeHead[];
  /** Bundles read ahead of the one being checked; memory is bounded by as many. */
  readonly ahead?: number;
  /** Told each tile and bundle once all of it agrees with what is below; awaited before the next. The root is known only at the end. */
  readonly onTile?: (tile: TileId, bytes: Uint8Array) => void | Promise<void>;
}

/** `MISSING`: a tile or bundle that every log with such a checkpoint has is not there. `TILE_MISMATCH`: its hashes are not those of what is below. */
export type AuditFaultCode = TlogErrorCode | 'MISSING' | 'TILE_MISMATCH';

/** The first thing that does not hold. */
export interface AuditFault {
  readonly code: AuditFaultCode;
  readonly message: string;
  /** The first entry concerned; null where it is no matter of single entries. */
  readonly index: bigint | null;
  /** The file that is wrong, where it can be told: `checkpoint`, `tile/0/000`, `tile/entries/000`. */
  readonly path: string | null;
}

export interface AuditReport {
  /** As signed, and verbatim; null when it is the checkpoint that does not hold. */
  readonly checkpoint: Checkpoint | null;
  readonly note: string | null;
  /** Entries hashed and found in their tile, and tiles found to be right. */
  readonly entries: bigint;
  readonly tiles: number;
  /** Null when everything holds: the log's key signed the root of exactly these entries, and every tile follows from them. */
  readonly fault: AuditFault | null;
}

const READ_AHEAD = 4;

/**
 * Builds every tile and the root of a log again from its entries, and compares them with what it serves and signed. Memory is bounded by a few
 * bundles, however large the log; two hashes an entry. Finds the first fault in log order and says which entry and which file.
 *
 * Rejects only with what the reader rejects with: a log that does not hold is an answer.
 * @see C2SP tlog-tiles
 */
export async function audit(reader: LogReader, options: AuditOptions): Promise<AuditReport> {
  const progress = { entries: 0n, tiles: 0 };
  const note = await reader.checkpoint();
  if (note === null)
    return { checkpoint: null, note, ...progress, fault: missing('checkpoint', 'the log has no checkpoint') };
  let checkpoint: Checkpoint;
  try {
    checkpoint = verifyCheckpoint(note, options.log);
  } catch (cause) {
    return { checkpoint: null, note, ...progress, fault: toFault(cause, 'checkpoint') };
  }
  const { edge, fault } = await buildAgain(reader, checkpoint, options, progress);
  const end = fault ?? (await checkEdge(reader, edge, options, progress)) ?? checkRoot(edge, checkpoint);
  return { checkpoint, note, ...progress, fault: end };
}

type Progress = { entries: bigint; tiles: number };

/** Bundle by bundle to the edge of the tree; `fault` ends it. */
async function buildAgain(
  reader: LogReader,
  { size }: Checkpoint,
  { known = [], ahead = READ_AHEAD, onTile }: AuditOptions,
  progress: Progress,
): Promise<{ readonly edge: TiledEdge; readonly fault: AuditFault | null }> {
  const heads = known.filter((head) => head.size <= size).toSorted((a, b) => (a.size < b.size ? -1 : 1));
  let edge = emptyTiledEdge();
  for await (const { tile, hashes, bundle } of readBundles(reader, size, ahead)) {
    const base: TileId = { ...tile, level: 0 };
    const found = compareBundle(tile, hashes, bundle);
    if ('fault' in found) return { edge, fault: await blame(reader, size, found) };
    await onTile?.(tile, found.bundle);
    await onTile?.(base, found.hashes);
    progress.entries += BigInt(found.leaves.length);
    progress.tiles += 1;
    for (const leaves of splitAt(found.leaves, edge.size, heads)) {
      const grown = growTiles(edge, leaves);
      ({ edge } = grown);
      for (const full of grown.tiles) {
        if (full.level === 0) continue;
        const fault = await compareTile(reader, { ...full, width: TILE_WIDTH }, full.bytes, onTile, progress);
        if (fault !== null) return { edge, fault };
      }
      const broken = heads.find((head) => head.size === edge.size && !isSameHash(head.root, rootOf(edge)));
      if (broken !== undefined) return { edge, fault: rewritten(broken) };
    }
  }
  return { edge, fault: null };
}

/** The partial tiles above the entries: those of level 0 were compared with their bundle. */
async function checkEdge(
  reader: LogReader,
  edge: TiledEdge,
  { onTile }: AuditOptions,
  progress: Progress,
): Promise<AuditFault | null> {
  for (const tile of partialTiles(edge.size)) {
    if (tile.level === 0 || tile.level === 'entries') continue;
    const bytes = edge.tiles[tile.level] ?? new Uint8Array(0);
    const fault = await compareTile(reader, tile, bytes, onTile, progress);
    if (fault !== null) return fault;
  }
  return null;
}

function checkRoot(edge: TiledEdge, { size, root }: Checkpoint): AuditFault | null {
  if (isSameHash(rootOf(edge), root)) return null;
  const message = `entries and tiles agree with each other, and the checkpoint of ${size} entries signs another tree`;
  return { code: 'ROOT_MISMATCH', message, index: null, path: 'checkpoint' };
}

type BundleRead = {
  /** Of the entries. */
  readonly tile: TileId;
  readonly hashes: Uint8Array | null;
  readonly bundle: Uint8Array | null;
};

/** Bundles with their tile of hashes, in order, some of them read ahead. */
async function* readBundles(reader: LogReader, size: bigint, ahead: number): AsyncGenerator<BundleRead> {
  const waiting: Promise<BundleRead>[] = [];
  let next = 0n;
  for (;;) {
    for (; waiting.length <= ahead; next += 1n) {
      const width = tileWidth('entries', next, size);
      if (width === 0) break;
      const reading = readBundle(reader, { level: 'entries', index: next, width });
      reading.catch(() => undefined); // it is told when its turn comes, or not at all
      waiting.push(reading);
    }
    const first = waiting.shift();
    if (first === undefined) return;
    yield await first;
  }
}

async function readBundle(reader: LogReader, tile: TileId): Promise<BundleRead> {
  const [hashes, bundle] = await Promise.all([reader.tile({ ...tile, level: 0 }), reader.entries(tile)]);
  return { tile, hashes, bundle };
}

/** An entry and its leaf in the tile that are not of each other; `leaves` and `hashes` show whose fault it is, where both are whole. */
type Disagreement = {
  readonly tile: TileId;
  readonly fault: AuditFault;
  readonly leaves?: readonly Uint8Array[];
  readonly hashes?: Uint8Array;
};

function compareBundle(
  tile: TileId,
  hashes: Uint8Array | null,
  bundle: Uint8Array | null,
):
  | { readonly leaves: readonly Uint8Array[]; readonly hashes: Uint8Array; readonly bundle: Uint8Array }
  | Disagreement {
  const { width } = tile;
  const first = tile.index * BigInt(TILE_WIDTH);
  const [path, basePath] = [formatTilePath(tile), formatTilePath({ ...tile, level: 0 })];
  if (bundle === null) return { tile, fault: missing(path, `${path} is not there`, first) };
  if (hashes === null) return { tile, fault: missing(basePath, `${basePath} is not there`, first) };
  if (hashes.length !== width * HASH_BYTES) {
    const message = `${basePath} has ${hashes.length} bytes, not ${width * HASH_BYTES}`;
    const index = first + BigInt(Math.min(width - 1, Math.floor(hashes.length / HASH_BYTES)));
    return { tile, fault: { code: 'MALFORMED_TILE', message, index, path: basePath } };
  }
  const whole = tryParseBundle(bundle, width);
  const leaves = (whole ?? readableEntries(bundle, width)).map((entry) => leafHash(entry));
  const wrong = Array.from({ length: width }, (_, at) => at).find((at) => {
    const leaf = leaves[at];
    return leaf === undefined || !isSameHash(leaf, hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  });
  if (wrong !== undefined) {
    const index = first + BigInt(wrong);
    const message = `entry ${index} does not hash to its leaf: ${path} and ${basePath} disagree`;
    const fault: AuditFault = {
      code: 'ENTRY_MISMATCH',
      message,
      index,
      path: whole === null ? path : null,
    };
    return { tile, fault, ...(whole === null ? {} : { leaves, hashes }) };
  }
  if (whole === null) {
    const message = `${path} has more in it than its ${width} entries`;
    return { tile, fault: { code: 'MALFORMED_TILE', message, index: null, path } };
  }
  return { leaves, hashes, bundle };
}

/** Says which of the two is wrong, where the tile above knows the hash of the whole row. */
async function blame(
  reader: LogReader,
  size: bigint,
  { tile, fault, leaves, hashes }: Disagreement,
): Promise<AuditFault> {
  if (leaves === undefined || hashes === undefined || tile.width < TILE_WIDTH) return fault;
  const row = { level: TILE_HEIGHT, index: tile.index };
  const parent = await reader.tile(tileOfNode(row, size));
  if (parent === null) return fault;
  try {
    const wanted = nodeFromTile(parent, row);
    if (isSameHash(tileHash(hashes), wanted)) return { ...fault, path: formatTilePath(tile) };
    if (isSameHash(rootOfLeaves(leaves), wanted))
      return { ...fault, code: 'TILE_MISMATCH', path: formatTilePath({ ...tile, level: 0 }) };
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause; // the tile above is no witness
  }
  return fault;
}

/** Holds a tile above the entries against what was built from them. */
async function compareTile(
  reader: LogReader,
  { level, index, width }: TileId,
  built: Uint8Array,
  onTile: AuditOptions['onTile'],
  progress: Progress,
): Promise<AuditFault | null> {
  const tile: TileId = { level, index, width };
  const path = formatTilePath(tile);
  const entriesEach = BigInt(TILE_WIDTH) ** BigInt(level === 'entries' ? 0 : level);
  const entryAt = (at: number): bigint => (index * BigInt(TILE_WIDTH) + BigInt(at)) * entriesEach;
  const bytes = await reader.tile(tile);
  if (bytes === null) return missing(path, `${path} is not there`, entryAt(0));
  if (bytes.length !== built.length) {
    const message = `${path} has ${bytes.length} bytes, not ${built.length}`;
    const at = Math.min(width - 1, Math.floor(bytes.length / HASH_BYTES));
    return { code: 'MALFORMED_TILE', message, index: entryAt(at), path };
  }
  const wrong = bytes.findIndex((byte, at) => byte !== built[at]);
  if (wrong >= 0) {
    const at = Math.floor(wrong / HASH_BYTES);
    const message = `hash ${at} of ${path} is not that of the entries from ${entryAt(at)} on`;
    return { code: 'TILE_MISMATCH', message, index: entryAt(at), path };
  }
  progress.tiles += 1;
  await onTile?.(tile, bytes);
  return null;
}

/** The leaves in parts that end where a known head does, so that its root can be compared on the way. */
function splitAt(
  leaves: readonly Uint8Array[],
  from: bigint,
  heads: readonly TreeHead[],
): readonly (readonly Uint8Array[])[] {
  const ends = heads.map((head) => Number(head.size - from)).filter((end) => end > 0 && end < leaves.length);
  const cuts = [0, ...new Set(ends), leaves.length];
  return cuts.slice(1).map((end, at) => leaves.slice(cuts[at], end));
}

function tryParseBundle(bundle: Uint8Array, width: number): Uint8Array[] | null {
  try {
    return parseBundle(bundle, width);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    return null;
  }
}

/** As many entries of a broken bundle as can be read, to find the first that is not what its leaf says. */
function readableEntries(bundle: Uint8Array, width: number): Uint8Array[] {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bundle.length && entries.length < width;) {
    const end = at + 2 + view.getUint16(at);
    if (end > bundle.length) break;
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

function missing(path: string, message: string, index: bigint | null = null): AuditFault {
  return { code: 'MISSING', message, index, path };
}

function rewritten({ size }: TreeHead): AuditFault {
  const message = `the first ${size} entries are not those that were verified before: the log shows two histories`;
  return { code: 'ROOT_MISMATCH', message, index: null, path: null };
}

function toFault(cause: unknown, path: string): AuditFault {
  if (!(cause instanceof TlogError)) throw cause;
  return { code: cause.code, message: cause.message, index: null, path };
}
