import { TlogError } from './errors.ts';
import { TILE_HEIGHT, TILE_WIDTH, type TileId, nodeFromTile } from './tile.ts';
import {
  type Edge,
  HASH_BYTES,
  MAX_TREE_SIZE,
  bitLength,
  checkEdge,
  checkHash,
  nodeHash,
  rootOf,
  subtreeNodes,
} from './tree.ts';

/**
 * A right edge that also holds the partial tiles along it, so that it knows when one is full. Immutable, and small enough to keep
 * thousands of: one buffer a level and one for all of `hashes`, and nothing else is kept in memory by it.
 * `tiles[L]` is the partial tile of level L as it is served, or empty where the size leaves none; there is one for
 * each level with at least one hash.
 */
export interface TiledEdge extends Edge {
  readonly tiles: readonly Uint8Array[];
}

/** A tile that has become full: 256 hashes, 8,192 bytes, never to change again. */
export interface FullTile {
  readonly level: number;
  readonly index: bigint;
  readonly bytes: Uint8Array;
}

/** What an append brings about; nothing of it is shared with the edge it began from but bytes that no one writes to. */
export interface Batch {
  readonly edge: TiledEdge;
  readonly root: Uint8Array;
  /** For each new leaf in order, its inclusion proof in the tree of `edge.size` leaves. */
  readonly proofs: readonly (readonly Uint8Array[])[];
  /** The tiles that became full, lowest level first. */
  readonly tiles: readonly FullTile[];
}

export function emptyTiledEdge(): TiledEdge {
  return { size: 0n, hashes: [], tiles: [] };
}

/** The partial tiles of a tree of `size` leaves: what {@link tiledEdgeOf} asks for. Levels with none are left out. */
export function partialTiles(size: bigint): TileId[] {
  const tiles: TileId[] = [];
  for (let level = 0, hashes = size; hashes > 0n; level++, hashes >>= BigInt(TILE_HEIGHT)) {
    const width = Number(hashes % BigInt(TILE_WIDTH));
    if (width > 0) tiles.push({ level, index: hashes >> BigInt(TILE_HEIGHT), width });
  }
  return tiles;
}

/**
 * The edge of a tree of `size` leaves, from its partial tiles: how a log picks up again after a restart.
 * The caller compares `rootOf(edge)` with a root it trusts.
 * @throws TlogError `MALFORMED_TILE` if a tile does not have the width asked for
 */
export function tiledEdgeOf(size: bigint, readTile: (tile: TileId) => Uint8Array): TiledEdge {
  if (size < 0n || size > MAX_TREE_SIZE)
    throw new TlogError('OUT_OF_RANGE', `there is no tree of ${size} leaves`);
  const tiles = Array.from({ length: Math.ceil(bitLength(size) / TILE_HEIGHT) }, () => new Uint8Array(0));
  for (const tile of partialTiles(size)) {
    const bytes = readTile(tile);
    if (bytes.length !== tile.width * HASH_BYTES) {
      throw new TlogError('MALFORMED_TILE', `a tile ${tile.width} wide does not have ${bytes.length} bytes`);
    }
    // a copy, also of a Buffer, whose slice() would be a view that keeps all around it in memory
    tiles[Number(tile.level)] = new Uint8Array(bytes);
  }
  const hashes = subtreeNodes(0n, size).map((node) => {
    const bytes = tiles[Math.floor(node.level / TILE_HEIGHT)] ?? new Uint8Array(0);
    return nodeFromTile(bytes, node);
  });
  return { size, hashes: packHashes(hashes), tiles };
}

/**
 * Appends `leaves` (leaf hashes, in order) and proves each of them; `edge` stays as it was.
 * About two hashes per leaf and one array of references per proof: nothing is read and nothing is hashed twice.
 * @throws TlogError `MALFORMED_HASH` if a leaf is not 32 bytes; `MALFORMED_EDGE` if `edge` does not fit its size
 */
export function appendBatch(edge: TiledEdge, leaves: readonly Uint8Array[]): Batch {
  const levels = growLevels(edge, leaves);
  const grown = growEdge(edge, leaves.length, levels);
  return {
    edge: grown.edge,
    root: rootOf(grown.edge),
    proofs: proveNew(edge, leaves.length, levels),
    tiles: grown.tiles,
  };
}

/** Like {@link appendBatch} without the proofs: for loading many leaves at once. */
export function growTiles(edge: TiledEdge, leaves: readonly Uint8Array[]): Pick<Batch, 'edge' | 'tiles'> {
  return growEdge(edge, leaves.length, growLevels(edge, leaves));
}

/**
 * One level of the complete subtrees at the right of the new tree: those that are new, and before them the one of the
 * old edge, if the old tree has an odd number of nodes here. So `nodes` always begins at an even index, and every
 * left sibling that a new node can have is in it: it is new itself, or it is the old edge's.
 */
interface Level {
  readonly nodes: readonly Uint8Array[];
  /** 1 if `nodes` begins with a node of the old edge, else 0. */
  readonly old: number;
}

function growLevels(edge: Edge, leaves: readonly Uint8Array[]): Level[] {
  checkEdge(edge);
  for (const leaf of leaves) checkHash(leaf);
  const levels: Level[] = [];
  let left = edge.hashes.length;
  let fresh = leaves;
  for (let size = edge.size; size > 0n || fresh.length > 0; size >>= 1n) {
    const old = (size & 1n) === 1n ? edge.hashes[--left] : undefined;
    const nodes = old === undefined ? fresh : [old, ...fresh];
    levels.push({ nodes, old: old === undefined ? 0 : 1 });
    fresh = pairUp(nodes);
  }
  return levels;
}

function pairUp(nodes: readonly Uint8Array[]): Uint8Array[] {
  const parents: Uint8Array[] = [];
  let left: Uint8Array | undefined;
  for (const node of nodes) {
    if (left === undefined) {
      left = node;
    } else {
      parents.push(nodeHash(left, node));
      left = undefined;
    }
  }
  return parents;
}

function growEdge(
  edge: TiledEdge,
  count: number,
  levels: readonly Level[],
): { edge: TiledEdge; tiles: FullTile[] } {
  const size = edge.size + BigInt(count);
  if (size > MAX_TREE_SIZE) throw new TlogError('OUT_OF_RANGE', `there is no tree of ${size} leaves`);
  const hashes = packHashes(
    levels.flatMap(({ nodes }) => (nodes.length % 2 === 1 ? nodes.slice(-1) : [])).reverse(),
  );
  const full: FullTile[] = [];
  const open: Uint8Array[] = [];
  for (let level = 0; level * TILE_HEIGHT < levels.length; level++) {
    const { nodes, old } = levels[level * TILE_HEIGHT] ?? { nodes: [], old: 0 };
    const tile = edge.tiles[level] ?? new Uint8Array(0);
    const first = edge.size >> BigInt(TILE_HEIGHT * level);
    if (tile.length !== Number(first % BigInt(TILE_WIDTH)) * HASH_BYTES) {
      throw new TlogError(
        'MALFORMED_EDGE',
        `the partial tile of level ${level} does not fit the edge's size`,
      );
    }
    const grown = fillTiles(tile, nodes, old);
    grown.full.forEach((bytes, at) =>
      full.push({ level, index: (first >> BigInt(TILE_HEIGHT)) + BigInt(at), bytes }),
    );
    open.push(grown.open);
  }
  return { edge: { size, hashes, tiles: open }, tiles: full };
}

/** The same hashes in memory of their own, all of it one buffer: a digest alone costs some hundred bytes beside its 32. */
function packHashes(hashes: readonly Uint8Array[]): Uint8Array[] {
  const row = new Uint8Array(hashes.length * HASH_BYTES);
  return hashes.map((hash, nth) => {
    row.set(hash, nth * HASH_BYTES);
    return row.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES);
  });
}

/** Goes on writing `nodes` from `from` where the partial tile `open` ends. */
function fillTiles(
  open: Uint8Array,
  nodes: readonly Uint8Array[],
  from: number,
): { full: Uint8Array[]; open: Uint8Array } {
  if (nodes.length === from) return { full: [], open };
  const fullBytes = TILE_WIDTH * HASH_BYTES;
  const bytes = new Uint8Array(open.length + (nodes.length - from) * HASH_BYTES);
  bytes.set(open);
  for (let at = from, to = open.length; at < nodes.length; at++, to += HASH_BYTES) {
    const node = nodes[at];
    if (node !== undefined) bytes.set(node, to);
  }
  const full: Uint8Array[] = [];
  let begin = 0;
  for (; bytes.length - begin >= fullBytes; begin += fullBytes)
    full.push(bytes.slice(begin, begin + fullBytes));
  return { full, open: begin === 0 ? bytes : bytes.slice(begin) };
}

/**
 * A new leaf needs, at each level, the sibling of the node above it. A left sibling is in `nodes` (see {@link Level}). A
 * right sibling is complete and new, so in `nodes` too; or it is what is left over at the right, the same for every
 * leaf, so hashed once; or there is none.
 */
function proveNew(edge: Edge, count: number, levels: readonly Level[]): Uint8Array[][] {
  const proofs: Uint8Array[][] = Array.from({ length: count }, () => []);
  let rest: Uint8Array | undefined; // the hash over the leaves to the right of all complete nodes of this level
  // positions of the new leaves' ancestors, counted from the first node of the level: small, so no bigint in this loop
  let shift = 0;
  const at = Uint32Array.from({ length: count }, (_, leaf) => leaf);
  for (const { nodes, old } of levels) {
    for (let leaf = 0; leaf < count; leaf++) {
      const node = ((at[leaf] ?? 0) >> shift) + old;
      const sibling = node ^ 1;
      const hash = sibling < nodes.length ? nodes[sibling] : sibling === nodes.length ? rest : undefined;
      if (hash !== undefined) proofs[leaf]?.push(hash);
      at[leaf] = node;
    }
    shift = 1;
    const last = nodes.length % 2 === 1 ? nodes[nodes.length - 1] : undefined;
    if (last !== undefined) rest = rest === undefined ? last : nodeHash(last, rest);
  }
  return proofs;
}
