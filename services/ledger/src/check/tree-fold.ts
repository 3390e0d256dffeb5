import { HASH_BYTES, nodeHash, TILE_WIDTH, tileHash } from '@logline/tlog';

/** A tile that became full while leaves were added. */
export type FoldedTile = {
  readonly level: number;
  readonly n: number;
  readonly hashes: Buffer;
  readonly hash: Uint8Array;
};

/**
 * The tree once more, leaf by leaf, with none of the code that appends: a right edge of complete subtrees and one open tile a level. What
 * both agree on, two ways of counting agree on.
 */
export class TreeFold {
  /** Roots of complete subtrees, left to right. */
  readonly #hashes: Uint8Array[] = [];
  readonly #open: Buffer[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The tiles it fills, lowest first: none, nearly always. */
  add(leaf: Uint8Array): readonly FoldedTile[] {
    let right = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#hashes.pop();
      if (left !== undefined) right = nodeHash(left, right);
    }
    this.#hashes.push(right);
    this.#size++;
    return this.#fill(leaf);
  }

  root(): Uint8Array {
    return this.#hashes.reduceRight((right, left) => nodeHash(left, right));
  }

  /** As `log.edge` is stored. */
  edge(): Buffer {
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(this.#size));
    return Buffer.concat([size, ...this.#hashes]);
  }

  #fill(leaf: Uint8Array): readonly FoldedTile[] {
    const full: FoldedTile[] = [];
    let hash: Uint8Array | undefined = leaf;
    let count = this.#size; // hashes at this level, with the new one
    for (let level = 0; hash !== undefined; level++) {
      const tile = (this.#open[level] ??= Buffer.alloc(TILE_WIDTH * HASH_BYTES));
      tile.set(hash, ((count - 1) % TILE_WIDTH) * HASH_BYTES);
      if (count % TILE_WIDTH !== 0) break;
      count /= TILE_WIDTH;
      hash = tileHash(tile);
      full.push({ level, n: count - 1, hashes: tile, hash });
      this.#open[level] = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
    }
    return full;
  }
}
