import { createHash } from 'node:crypto';
import { formatBase64, parseBase64, utf8 } from '@logline/canon-sign';
import { describe, expect, test } from 'vitest';
import { leavesOf, readVectors } from '../test/whole-tree.ts';
import { emptyTiledEdge, growTiles, partialTiles } from './batch.ts';
import { proveConsistency, verifyConsistency } from './consistency.ts';
import { proveInclusion, verifyInclusion } from './inclusion.ts';
import { leafHash } from './leaf.ts';
import { formatTilePath, parseTilePath, tileReader, tileWidth } from './tile.ts';
import { appendLeaves, emptyEdge, rootOf, rootOfLeaves } from './tree.ts';

interface Summary {
  readonly digest: string;
  readonly marks: string;
}
interface Size {
  readonly size: string;
  readonly root: string;
  readonly sampled?: readonly number[];
  readonly inclusion: Summary;
  readonly consistency: Summary;
  readonly full_tiles: readonly Summary[];
  readonly partial_tiles: Readonly<Record<string, string>>;
}

function sha256(parts: readonly Uint8Array[]): Buffer {
  return parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
}

/** As sizes.json describes it. */
function summaryOf(results: readonly (readonly Uint8Array[])[]): Summary {
  const each = results.map(sha256);
  return {
    digest: formatBase64(sha256(each)),
    marks: each.map((hash) => hash.toString('hex').slice(0, 1)).join(''),
  };
}

describe('sizes.json: root, all proofs, all tiles', () => {
  const { cases } = readVectors<{ cases: Size[] }>('sizes.json');
  const LARGEST = 65_537;
  const leaves = leavesOf(LARGEST);

  test('has 0 to 300, and what is around 256, 512 and 65,536', () => {
    const named = [511, 512, 513, 600, 65_279, 65_280, 65_281, 65_535, 65_536, LARGEST];
    expect(cases.map(({ size }) => Number(size))).toEqual([
      ...Array.from({ length: 301 }, (_, at) => at),
      ...named,
    ]);
  });

  // from the tiles of that size, as a client would: the vectors are made from the whole tree
  test.each(cases)('$size', (given) => {
    const size = BigInt(given.size);
    const own = leaves.slice(0, Number(size));
    const { edge, tiles } = growTiles(emptyTiledEdge(), own);
    const served = new Map(tiles.map((tile) => [formatTilePath({ ...tile, width: 256 }), tile.bytes]));
    const partial = partialTiles(size).map(
      (tile) => [formatTilePath(tile), edge.tiles[Number(tile.level)] ?? new Uint8Array(0)] as const,
    );
    for (const [path, bytes] of partial) served.set(path, bytes);
    const levels = [...new Set(tiles.map(({ level }) => level))];
    expect(
      levels.map((level) =>
        summaryOf(tiles.filter((tile) => tile.level === level).map(({ bytes }) => [bytes])),
      ),
    ).toEqual(given.full_tiles);
    expect(Object.fromEntries(partial.map(([path, bytes]) => [path, formatBase64(sha256([bytes]))]))).toEqual(
      given.partial_tiles,
    );
    for (const path of served.keys()) {
      const { level, index, width } = parseTilePath(path);
      expect([path, tileWidth(level, index, size)]).toEqual([path, width]);
    }

    expect(formatBase64(rootOf(edge))).toBe(given.root);
    expect(formatBase64(rootOfLeaves(own))).toBe(given.root);
    const readTile = tileReader(size, (tile) => served.get(formatTilePath(tile)) ?? new Uint8Array(0));
    const read = new Map<string, Uint8Array>(); // the same node is in hundreds of proofs
    const readNode = (level: number, index: bigint): Uint8Array => {
      const node = read.get(`${level}/${index}`) ?? readTile(level, index);
      read.set(`${level}/${index}`, node);
      return node;
    };
    const counted = given.sampled ?? Array.from({ length: Number(size) + 1 }, (_, at) => at);
    const indexes = counted.filter((index) => BigInt(index) < size);
    expect(summaryOf(indexes.map((index) => proveInclusion(BigInt(index), size, readNode)))).toEqual(
      given.inclusion,
    );
    expect(summaryOf(counted.map((old) => proveConsistency(BigInt(old), size, readNode)))).toEqual(
      given.consistency,
    );
  });
});

describe('rfc9162.json: the example tree of the RFC', () => {
  interface Example {
    readonly entries: readonly string[];
    readonly nodes: Readonly<Record<string, string>>;
    readonly roots: Readonly<Record<string, string>>;
    readonly inclusion: readonly { readonly index: string; readonly proof: readonly string[] }[];
    readonly consistency: readonly { readonly old_size: string; readonly proof: readonly string[] }[];
  }
  const { entries, nodes, roots, inclusion, consistency } = readVectors<Example>('rfc9162.json');
  const leaves = entries.map((entry) => leafHash(utf8(entry)));
  const node = (name: string): Uint8Array => parseBase64(nodes[name] ?? '');
  const rootAt = (size: string | number): Uint8Array => parseBase64(roots[size] ?? '');
  const readNode = tileReader(7n, () => new Uint8Array(Buffer.concat(leaves)));

  test('hash0, hash1, hash2 and hash are the roots at 3, 4, 6 and 7 leaves', () => {
    expect(Object.keys(roots)).toEqual(['3', '4', '6', '7']);
    for (const [size, root] of Object.entries(roots))
      expect(formatBase64(rootOf(appendLeaves(emptyEdge(), leaves.slice(0, Number(size)))))).toBe(root);
    expect(['a', 'b', 'c', 'd', 'e', 'f', 'j'].map(node)).toEqual(leaves);
  });

  test.each(inclusion)('the inclusion proof of d$index is $proof', ({ index, proof }) => {
    const hashes = proof.map(node);
    expect(proveInclusion(BigInt(index), 7n, readNode)).toEqual(hashes);
    const claim = {
      index: BigInt(index),
      size: 7n,
      leafHash: leaves[Number(index)] ?? node('a'),
      proof: hashes,
    };
    expect(() => verifyInclusion(claim, rootAt(7))).not.toThrow();
  });

  test.each(consistency)('the consistency proof from $old_size to 7 is $proof', ({ old_size, proof }) => {
    const hashes = proof.map(node);
    expect(proveConsistency(BigInt(old_size), 7n, readNode)).toEqual(hashes);
    const claim = { oldSize: BigInt(old_size), newSize: 7n, proof: hashes };
    expect(() => verifyConsistency(claim, rootAt(old_size), rootAt(7))).not.toThrow();
  });
});
