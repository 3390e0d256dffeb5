import { consistencyNodes, proveConsistency, rootsOfProof, verifyConsistency } from './consistency.ts';
import { TlogError } from './errors.ts';
import type { TreeHead } from './receipt.ts';
import { type TileId, tileReader, tilesOfNodes } from './tile.ts';
import { isSameHash, subtreeHash, subtreeNodes } from './tree.ts';

/** How a head that was heard of later stands to one that was seen: a smaller one is older news, not a fork. */
export type HeadOrder = 'newer' | 'same' | 'older';

/**
 * Where `next` stands, seen from `seen`. Needs no proof, and so says of different sizes only which is the larger: that
 * one grew from the other is for {@link verifyGrowth} to show.
 * @throws TlogError `ORIGIN_MISMATCH` if they are of different logs
 * @throws TlogError `FORKED` if they are of one size with different roots: the two signed checkpoints are the evidence
 */
export function orderHeads(seen: TreeHead, next: TreeHead): HeadOrder {
  if (seen.origin !== next.origin)
    throw new TlogError('ORIGIN_MISMATCH', 'the two are of different logs, so neither grew from the other');
  if (seen.size !== next.size) return seen.size < next.size ? 'newer' : 'older';
  if (!isSameHash(seen.root, next.root)) throw forked(seen, next);
  return 'same';
}

/**
 * Returns the larger of two heads of one log, once it is shown to have grown from the other. In either order, as receipts
 * may arrive. This is how a client holds a log to what it said before: keep what is returned, and ask again with the next.
 *
 * @param proof - from the smaller size to the larger; empty if they are equal
 * @throws TlogError `ORIGIN_MISMATCH` if they are of different logs
 * @throws TlogError `FORKED` if the log showed two histories, whoever gave the proof: equal sizes with different roots, or a
 *   proof that is of the newer tree and has another beginning than the older. Both signed checkpoints are the evidence
 * @throws TlogError `MALFORMED_PROOF`, `ROOT_MISMATCH` if the proof is not of the newer tree, and shows nothing. Where the
 *   older size is a power of two it holds no hash of the older tree, so a fork looks like this too:
 *   {@link verifyGrowthFromTiles} tells them apart
 */
export function verifyGrowth<Head extends TreeHead>(
  one: Head,
  other: Head,
  proof: readonly Uint8Array[],
): Head {
  const [older, newer] = bySize(one, other);
  const claim = { oldSize: older.size, newSize: newer.size, proof };
  const { oldRoot, newRoot } = rootsOfProof(claim, older.root, newer.root);
  if (!isSameHash(newRoot, newer.root))
    throw new TlogError('ROOT_MISMATCH', `the proof is not of the tree of ${newer.size} leaves`);
  if (!isSameHash(oldRoot, older.root)) throw forked(older, newer);
  return newer;
}

/**
 * The tiles that {@link verifyGrowthFromTiles} will read, as wide as the larger tree has them, so that they can be fetched at once.
 * @throws TlogError as {@link orderHeads} does
 */
export function growthTiles(one: TreeHead, other: TreeHead): TileId[] {
  const [older, newer] = bySize(one, other);
  if (older.size === newer.size) return [];
  const nodes = [...consistencyNodes(older.size, newer.size), ...subtreeNodes(0n, older.size)];
  return tilesOfNodes(nodes, newer.size);
}

/**
 * Like {@link verifyGrowth}, from the log's tiles. They are believed only once they lead to the larger head's root, and
 * then say what the root of the smaller one must be: so a fork is always told from tiles that are somebody else's.
 *
 * @param readTile - gives a tile of {@link growthTiles}, or a wider one; undefined when it is not to be had
 * @throws TlogError `ORIGIN_MISMATCH`, `FORKED` as {@link verifyGrowth} does
 * @throws TlogError `MALFORMED_TILE`, `ROOT_MISMATCH` if the tiles are not those of the larger tree, and show nothing
 */
export function verifyGrowthFromTiles<Head extends TreeHead>(
  one: Head,
  other: Head,
  readTile: (tile: TileId) => Uint8Array | undefined,
): Head {
  const [older, newer] = bySize(one, other);
  if (older.size === newer.size) return newer;
  const readNode = tileReader(newer.size, (tile) => readTile(tile) ?? new Uint8Array(0));
  const proof = proveConsistency(older.size, newer.size, readNode);
  const beginning = subtreeHash(0n, older.size, readNode);
  verifyConsistency({ oldSize: older.size, newSize: newer.size, proof }, beginning, newer.root);
  if (!isSameHash(beginning, older.root)) throw forked(older, newer);
  return newer;
}

/** The smaller first. Of equal ones the second given counts as the newer. */
function bySize<Head extends TreeHead>(one: Head, other: Head): readonly [Head, Head] {
  return orderHeads(one, other) === 'older' ? [other, one] : [one, other];
}

function forked(older: TreeHead, newer: TreeHead): TlogError {
  return new TlogError(
    'FORKED',
    older.size === newer.size
      ? `the log shows two trees of ${older.size} leaves`
      : `the tree of ${newer.size} leaves has another beginning than the tree of ${older.size} that the log showed`,
  );
}
