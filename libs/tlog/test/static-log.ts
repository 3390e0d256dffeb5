import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { appendBatch, emptyTiledEdge, growTiles, partialTiles, type TiledEdge } from '../src/batch.ts';
import { signCheckpoint } from '../src/checkpoint.ts';
import { leafHash } from '../src/leaf.ts';
import type { NoteKey } from '../src/note.ts';
import { formatProof } from '../src/proof.ts';
import { formatBundle, formatTilePath, TILE_WIDTH } from '../src/tile.ts';
import { rootOf } from '../src/tree.ts';

/** Where a log lies, and what it gave out while it grew. */
export interface StaticLog {
  /** `checkpoint` and `tile/…`, as C2SP tlog-tiles has them. */
  readonly folder: string;
  /** The checkpoint of each commit but the last. */
  readonly old: readonly string[];
  /** `.tlog-proof` files: of the first and the last entry of each commit, as its receipt would have them. */
  readonly proofs: string;
}

/** Writes a log of these entries, committed up to each of `sizes` in turn, as files that any web server could serve. */
export function writeStaticLog(
  dir: string,
  entries: readonly Uint8Array[],
  sizes: readonly number[],
  key: NoteKey,
): StaticLog {
  const folder = join(dir, 'log');
  const proofs = join(dir, 'proofs');
  mkdirSync(proofs, { recursive: true });
  const leaves = entries.map(leafHash);
  const old: string[] = [];
  let edge = emptyTiledEdge();
  let checkpoint = signCheckpoint({ origin: key.name, size: 0n, root: rootOf(edge) }, [key]);
  sizes.forEach((size, at) => {
    const first = Number(edge.size);
    const batch = appendBatch(edge, leaves.slice(first, size));
    edge = batch.edge;
    checkpoint = signCheckpoint({ origin: key.name, size: edge.size, root: batch.root }, [key]);
    for (const index of new Set([first, size - 1])) {
      const proof = formatProof({
        index: BigInt(index),
        hashes: batch.proofs[index - first] ?? [],
        checkpoint,
      });
      writeFileSync(join(proofs, `${index}-of-${size}.tlog-proof`), proof);
    }
    if (at === sizes.length - 1) return;
    const file = join(dir, `checkpoint-${size}`);
    writeFileSync(file, checkpoint);
    old.push(file);
  });
  write(folder, 'checkpoint', checkpoint);
  writeTiles(folder, leaves, edge);
  writeBundles(folder, entries);
  return { folder, old, proofs };
}

function writeTiles(folder: string, leaves: readonly Uint8Array[], edge: TiledEdge): void {
  for (const { level, index, bytes } of growTiles(emptyTiledEdge(), leaves).tiles)
    write(folder, formatTilePath({ level, index, width: TILE_WIDTH }), bytes);
  for (const tile of partialTiles(edge.size))
    write(folder, formatTilePath(tile), edge.tiles[Number(tile.level)] ?? new Uint8Array(0));
}

function writeBundles(folder: string, entries: readonly Uint8Array[]): void {
  for (let first = 0; first < entries.length; first += TILE_WIDTH) {
    const some = entries.slice(first, first + TILE_WIDTH);
    const path = formatTilePath({ level: 'entries', index: BigInt(first / TILE_WIDTH), width: some.length });
    write(folder, path, formatBundle(some));
  }
}

function write(folder: string, path: string, content: string | Uint8Array): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
