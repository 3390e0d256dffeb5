import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf, flipped, hashAt, leavesOf, wholeTree, type WholeTree } from '../test/whole-tree.ts';
import { growTiles, emptyTiledEdge } from './batch.ts';
import { proveConsistency } from './consistency.ts';
import { growthTiles, orderHeads, verifyGrowth, verifyGrowthFromTiles } from './growth.ts';
import type { TreeHead } from './receipt.ts';
import { formatTilePath, type TileId } from './tile.ts';
import { appendLeaves, emptyEdge, emptyRoot, rootOf } from './tree.ts';

const origin = 'log.example/acme';
const LARGEST = 600;

/** Two histories of one log that part at `fork`: the second has other entries from there on. */
const whole = wholeTree(LARGEST);
function headAt(size: number, tree: Pick<WholeTree, 'rootAt'> = whole): TreeHead {
  return { origin, size: BigInt(size), root: tree.rootAt(size) };
}
function forkAt(fork: number): { readonly leaves: readonly Uint8Array[]; rootAt(size: number): Uint8Array } {
  const leaves = [...leavesOf(fork), ...leavesOf(LARGEST - fork, 1_000_000)];
  return { leaves, rootAt: (size) => rootOf(appendLeaves(emptyEdge(), leaves.slice(0, size))) };
}

/** The tiles of a log as it serves them at `size`, by their paths. */
function tilesOf(leaves: readonly Uint8Array[], size: number): (tile: TileId) => Uint8Array {
  const { edge, tiles } = growTiles(emptyTiledEdge(), leaves.slice(0, size));
  return ({ level, index, width }) => {
    if (level === 'entries') return new Uint8Array(0);
    const full = tiles.find((tile) => tile.level === level && tile.index === index);
    return full?.bytes ?? (edge.tiles[level] ?? new Uint8Array(0)).subarray(0, width * 32);
  };
}

const sizes = fc.nat(LARGEST);

test('a larger head is newer, a smaller one heard of later is only older, and an equal one is the same', () => {
  expect(orderHeads(headAt(5), headAt(7))).toBe('newer');
  expect(orderHeads(headAt(7), headAt(5))).toBe('older');
  expect(orderHeads(headAt(7), { ...headAt(7) })).toBe('same');
  expect(orderHeads(headAt(0), headAt(0))).toBe('same');
});

test('heads of one size with different roots are a fork, whatever else is said', () => {
  const other = { ...headAt(7), root: forkAt(6).rootAt(7) };
  expect(codeOf(() => orderHeads(headAt(7), other))).toBe('FORKED');
  for (const proof of [[], [whole.rootAt(1)], [new Uint8Array(3)]]) {
    expect(codeOf(() => verifyGrowth(headAt(7), other, proof))).toBe('FORKED');
    expect(codeOf(() => verifyGrowth(other, headAt(7), proof))).toBe('FORKED');
  }
  expect(codeOf(() => verifyGrowthFromTiles(headAt(7), other, () => new Uint8Array(0)))).toBe('FORKED');
});

test('heads of different logs are no fork and no growth', () => {
  const stranger = { ...headAt(7), origin: `${origin}2` };
  expect(codeOf(() => orderHeads(headAt(7), stranger))).toBe('ORIGIN_MISMATCH');
  expect(codeOf(() => verifyGrowth(headAt(5), stranger, []))).toBe('ORIGIN_MISMATCH');
  expect(codeOf(() => growthTiles(headAt(5), stranger))).toBe('ORIGIN_MISMATCH');
});

describe('by a proof', () => {
  const proofOf = (small: number, large: number, { readNode } = whole) =>
    proveConsistency(BigInt(small), BigInt(large), readNode);

  test('of two heads of one log the larger comes back, in either order', () => {
    fc.assert(
      fc.property(sizes, sizes, (one, other) => {
        const proof = proofOf(Math.min(one, other), Math.max(one, other));
        expect(verifyGrowth(headAt(one), headAt(other), proof)).toEqual(headAt(Math.max(one, other)));
      }),
    );
  });

  test('of the newer tree, a head that is no beginning of it is a fork; at a power of two nobody can tell', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: LARGEST - 1 }), fc.nat(), (small, bit) => {
        const forked = { ...headAt(small), root: flipped(whole.rootAt(small), bit) };
        const proof = proofOf(small, LARGEST);
        const code = (small & (small - 1)) === 0 ? 'ROOT_MISMATCH' : 'FORKED';
        expect(codeOf(() => verifyGrowth(forked, headAt(LARGEST), proof))).toBe(code);
        expect(codeOf(() => verifyGrowth(headAt(LARGEST), forked, proof))).toBe(code);
      }),
    );
  });

  test('of some other tree, nothing is said of the log', () => {
    const proof = proofOf(20, 60);
    const broken = proof.with(0, flipped(hashAt(proof, 0), 5));
    expect(codeOf(() => verifyGrowth(headAt(20), headAt(60), broken))).toBe('ROOT_MISMATCH');
    const newer = { ...headAt(60), root: flipped(whole.rootAt(60), 5) };
    expect(codeOf(() => verifyGrowth(headAt(20), newer, proof))).toBe('ROOT_MISMATCH');
    for (const malformed of [
      [],
      proof.slice(1),
      [...proof, hashAt(proof, 0)],
      proof.with(0, new Uint8Array(31)),
    ])
      expect(codeOf(() => verifyGrowth(headAt(20), headAt(60), malformed))).toBe('MALFORMED_PROOF');
    expect(codeOf(() => verifyGrowth(headAt(20), headAt(20), proof))).toBe('MALFORMED_PROOF');
  });
});

describe('by tiles', () => {
  test('of two heads of one log the larger comes back, in either order, from the tiles that were named', () => {
    fc.assert(
      fc.property(sizes, sizes, (one, other) => {
        const large = Math.max(one, other);
        const named = new Set(growthTiles(headAt(one), headAt(other)).map(formatTilePath));
        const serve = tilesOf(whole.leaves, large);
        const read = new Set<string>();
        const readTile = (tile: TileId): Uint8Array => {
          read.add(formatTilePath(tile));
          return serve(tile);
        };
        expect(verifyGrowthFromTiles(headAt(one), headAt(other), readTile)).toEqual(headAt(large));
        expect(read).toEqual(named);
      }),
    );
  });

  test('every fork is called one, whichever history the tiles are of', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: LARGEST - 1 }),
        fc.integer({ min: 1, max: LARGEST }),
        fc.nat(LARGEST - 1),
        (small, more, at) => {
          const large = Math.min(LARGEST, small + more);
          const fork = forkAt(at % small);
          const [ours, theirs] = [headAt(small), headAt(large, fork)];
          expect(codeOf(() => verifyGrowthFromTiles(ours, theirs, tilesOf(fork.leaves, large)))).toBe(
            'FORKED',
          );
          expect(codeOf(() => verifyGrowthFromTiles(ours, theirs, tilesOf(whole.leaves, large)))).toBe(
            'ROOT_MISMATCH',
          );
          expect(
            codeOf(() =>
              verifyGrowthFromTiles(headAt(large), headAt(small, fork), tilesOf(whole.leaves, large)),
            ),
          ).toBe('FORKED');
        },
      ),
    );
  });

  test('no flipped bit of a tile makes a fork of growth, nor growth of a fork', () => {
    const serve = tilesOf(whole.leaves, 300);
    const forked = { ...headAt(256), root: forkAt(255).rootAt(256) };
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), (which, bit) => {
        const tiles = growthTiles(headAt(256), headAt(300));
        const broken = formatTilePath(tiles[which % tiles.length] ?? { level: 0, index: 0n, width: 1 });
        const readTile = (tile: TileId): Uint8Array =>
          formatTilePath(tile) === broken ? flipped(serve(tile), bit) : serve(tile);
        expect(codeOf(() => verifyGrowthFromTiles(headAt(256), headAt(300), readTile))).toBe('ROOT_MISMATCH');
        expect(codeOf(() => verifyGrowthFromTiles(forked, headAt(300), readTile))).toBe('ROOT_MISMATCH');
      }),
    );
    expect(codeOf(() => verifyGrowthFromTiles(forked, headAt(300), serve))).toBe('FORKED');
  });

  test('tiles that are missing, too short or no row of hashes show nothing', () => {
    for (const bytes of [0, 31, 32, 8191, 8193])
      expect(codeOf(() => verifyGrowthFromTiles(headAt(200), headAt(300), () => new Uint8Array(bytes)))).toBe(
        'MALFORMED_TILE',
      );
    expect(codeOf(() => verifyGrowthFromTiles(headAt(200), headAt(300), () => undefined))).toBe(
      'MALFORMED_TILE',
    );
  });

  test('from nothing everything grows, and equal heads need no tiles', () => {
    expect(verifyGrowthFromTiles(headAt(0), headAt(300), tilesOf(whole.leaves, 300))).toEqual(headAt(300));
    expect(headAt(0).root).toEqual(emptyRoot());
    expect(growthTiles(headAt(300), headAt(300))).toEqual([]);
    expect(verifyGrowthFromTiles(headAt(300), headAt(300), () => new Uint8Array(0))).toEqual(headAt(300));
  });
});
