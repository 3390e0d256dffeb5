import { emptyTiledEdge, formatEdge, growTiles, leafHash, rootOf } from '@logline/tlog';
import { utf8 } from '@logline/canon-sign';
import { describe, expect, it } from 'vitest';
import { TreeFold } from './tree-fold.ts';

describe('the tree, folded leaf by leaf', () => {
  it('is the tree that appends grow: root, edge and tiles, also of the second level', () => {
    const fold = new TreeFold();
    let grown = emptyTiledEdge();
    for (const size of [1, 2, 3, 255, 256, 257, 600, 65_535, 65_536, 65_793]) {
      const leaves = Array.from({ length: size - fold.size }, (_, at) => leafHash(utf8(`${fold.size + at}`)));
      const { edge, tiles } = growTiles(grown, leaves);
      const folded = leaves.flatMap((leaf) => fold.add(leaf));
      const inOrder = (one: { level: number; n: number }, other: { level: number; n: number }) =>
        one.level - other.level || one.n - other.n;
      expect(
        folded.map(({ level, n, hashes }) => ({ level, n, hashes: Buffer.from(hashes) })).sort(inOrder),
      ).toEqual(
        tiles.map(({ level, index, bytes }) => ({ level, n: Number(index), hashes: Buffer.from(bytes) })),
      );
      expect(Buffer.from(fold.root())).toEqual(Buffer.from(rootOf(edge)));
      expect(fold.edge()).toEqual(Buffer.from(formatEdge(edge)));
      grown = edge;
    }
  });
});
