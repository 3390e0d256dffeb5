import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, hashAt, leavesOf, wholeTree } from '../test/whole-tree.ts';
import {
  type TiledEdge,
  appendBatch,
  emptyTiledEdge,
  growTiles,
  partialTiles,
  tiledEdgeOf,
} from './batch.ts';
import { proveInclusion, verifyInclusion } from './inclusion.ts';
import { type TileId, tileHash, tileOfNode } from './tile.ts';
import { appendLeaves, emptyEdge, rootOf } from './tree.ts';

/** A tile cut out of a whole tree. */
function tileFrom(
  readNode: (level: number, index: bigint) => Uint8Array,
  { level, index, width }: TileId,
): Uint8Array {
  const hashes = Array.from({ length: width }, (_, at) =>
    readNode(8 * Number(level), index * 256n + BigInt(at)),
  );
  return Uint8Array.from(hashes.flatMap((hash) => [...hash]));
}

test('gives the same edge and root as leaf by leaf, and the same proofs as from the whole tree', () => {
  const whole = wholeTree(900);
  fc.assert(
    fc.property(fc.nat(600), fc.nat(300), (old, count) => {
      const before = growTiles(emptyTiledEdge(), whole.leaves.slice(0, old)).edge;
      const batch = appendBatch(before, whole.leaves.slice(old, old + count));
      const size = BigInt(old + count);
      const { hashes } = appendLeaves(emptyEdge(), whole.leaves.slice(0, old + count));
      expect(batch.edge.hashes).toEqual(hashes);
      expect(batch.edge.size).toBe(size);
      expect(batch.root).toEqual(whole.rootAt(old + count));
      expect(batch.proofs).toEqual(
        Array.from({ length: count }, (_, at) => proveInclusion(BigInt(old + at), size, whole.readNode)),
      );
    }),
    { numRuns: 60 },
  );
});

test('keeps nothing in memory but its own bytes, also when its tiles were read from a larger buffer', () => {
  const whole = wholeTree(300);
  const around = Buffer.alloc(1_000_000);
  const edge = tiledEdgeOf(300n, (tile) => {
    const bytes = tileFrom(whole.readNode, tile);
    around.set(bytes, 500_000);
    return around.subarray(500_000, 500_000 + bytes.length);
  });
  around.fill(0);
  expect(rootOf(edge)).toEqual(whole.rootAt(300));
  for (const { hashes, tiles } of [edge, appendBatch(edge, leavesOf(5)).edge]) {
    expect(tiles.map(({ buffer }) => buffer.byteLength)).toEqual(tiles.map(({ length }) => length));
    expect(new Set(hashes.map(({ buffer }) => buffer)).size).toBe(1);
    expect(hashes[0]?.buffer.byteLength).toBe(hashes.length * 32);
  }
});

test('proves every leaf of every batch when a tree grows to 300 in steps of 1, 2, 3, …', () => {
  const whole = wholeTree(300);
  let edge = emptyTiledEdge();
  for (let step = 1, at = 0; at < 300; at += step, step++) {
    const leaves = whole.leaves.slice(at, at + step);
    const batch = appendBatch(edge, leaves);
    expect(batch.root).toEqual(whole.rootAt(at + leaves.length));
    leaves.forEach((leafHash, offset) => {
      const proof = batch.proofs[offset] ?? [];
      verifyInclusion({ index: BigInt(at + offset), size: batch.edge.size, leafHash, proof }, batch.root);
    });
    edge = batch.edge;
  }
});

test('hands over every full tile exactly once, with the bytes of the whole tree', () => {
  const whole = wholeTree(65_800);
  let edge = emptyTiledEdge();
  const tiles = new Map<string, Uint8Array>();
  for (const end of [1, 255, 256, 300, 511, 512, 65_279, 65_500, 65_535, 65_536, 65_537, 65_800]) {
    const grown = growTiles(edge, whole.leaves.slice(Number(edge.size), end));
    edge = grown.edge;
    for (const { level, index, bytes } of grown.tiles) {
      expect(tiles.has(`${level}/${index}`)).toBe(false);
      expect(bytes).toEqual(tileFrom(whole.readNode, { level, index, width: 256 }));
      tiles.set(`${level}/${index}`, bytes);
    }
    const open = partialTiles(BigInt(end));
    for (const tile of open) expect(edge.tiles[Number(tile.level)]).toEqual(tileFrom(whole.readNode, tile));
    expect(edge.tiles.filter((bytes) => bytes.length > 0)).toHaveLength(open.length);
  }
  expect(tiles.size).toBe(257 + 1);
});

test('picks up again after a restart from its partial tiles', () => {
  const whole = wholeTree(66_000);
  for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, 66_000]) {
    const grown = growTiles(emptyTiledEdge(), whole.leaves.slice(0, size)).edge;
    const loaded = tiledEdgeOf(BigInt(size), (tile) => tileFrom(whole.readNode, tile));
    expect(loaded).toEqual(grown);
    const more = leavesOf(5, size);
    expect(appendBatch(loaded, more)).toEqual(appendBatch(grown, more));
  }
});

test('a partial tile of a higher level is the hashes of the full tiles below it', () => {
  const whole = wholeTree(600);
  const { edge, tiles } = growTiles(emptyTiledEdge(), whole.leaves.slice(0, 600));
  expect(edge.tiles[1]).toEqual(Uint8Array.from(tiles.flatMap(({ bytes }) => [...tileHash(bytes)])));
});

test('proves as well at the right of trees far too large to build', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 63n - 400n }),
      fc.integer({ min: 1, max: 300 }),
      (size, count) => {
        // any bytes may stand in the tiles: the rest of such a tree is never looked at
        const before = tiledEdgeOf(size, ({ level, width }) =>
          new Uint8Array(32 * width).fill(Number(level) + 1),
        );
        const leaves = leavesOf(count);
        const batch = appendBatch(before, leaves);
        expect(batch.root).toEqual(rootOf(appendLeaves(before, leaves)));
        for (const offset of [0, count >> 1, count - 1]) {
          const claim = {
            index: size + BigInt(offset),
            size: batch.edge.size,
            leafHash: hashAt(leaves, offset),
          };
          verifyInclusion({ ...claim, proof: batch.proofs[offset] ?? [] }, batch.root);
        }
        expect(
          tiledEdgeOf(batch.edge.size, (tile) => batch.edge.tiles[Number(tile.level)] ?? new Uint8Array(0)),
        ).toEqual(batch.edge);
      },
    ),
    { numRuns: 100 },
  );
});

test('leaves the edge it began from as it was, and an empty batch changes nothing', () => {
  const { edge } = growTiles(emptyTiledEdge(), leavesOf(300));
  const before = structuredClone(edge);
  appendBatch(edge, leavesOf(700, 300));
  expect(edge).toEqual(before);
  expect(appendBatch(edge, [])).toEqual({ edge, root: rootOf(edge), proofs: [], tiles: [] });
  expect(appendBatch(emptyTiledEdge(), [])).toMatchObject({ edge: emptyTiledEdge(), proofs: [], tiles: [] });
});

test('refuses leaves, edges, tiles and sizes that cannot be', () => {
  const { edge } = growTiles(emptyTiledEdge(), leavesOf(300));
  const cut: TiledEdge = { ...edge, tiles: [hashAt(edge.tiles, 0).slice(32), ...edge.tiles.slice(1)] };
  expect(codeOf(() => appendBatch(edge, [new Uint8Array(31)]))).toBe('MALFORMED_HASH');
  expect(codeOf(() => appendBatch({ ...edge, hashes: [] }, leavesOf(1)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => appendBatch(cut, leavesOf(1)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => appendBatch({ ...edge, tiles: [] }, leavesOf(1)))).toBe('MALFORMED_EDGE');
  expect(codeOf(() => tiledEdgeOf(300n, () => new Uint8Array(32)))).toBe('MALFORMED_TILE');
  expect(codeOf(() => tiledEdgeOf(2n ** 63n, () => new Uint8Array(32)))).toBe('OUT_OF_RANGE');
  const full = tiledEdgeOf(2n ** 63n - 1n, ({ width }) => new Uint8Array(32 * width));
  expect(codeOf(() => appendBatch(full, leavesOf(1)))).toBe('OUT_OF_RANGE');
});

test('the tile that a node is in is one that the log has', () => {
  for (const { level, index, width } of partialTiles(70_000n)) {
    expect(tileOfNode({ level: 8 * Number(level), index: index * 256n }, 70_000n)).toEqual({
      level,
      index,
      width,
    });
  }
});
