import { HASH_BYTES, nodeHash, TILE_HEIGHT, TILE_WIDTH } from '@logline/tlog';

/** A tile that became full while leaves were added. */
export type FoldedTile = {
  readonly level: number;
  readonly n: number;
  readonly hashes: Buffer;
  readonly hash: Uint8Array;
};

/**
 * The tree once more, leaf by leaf, with none of the code that appends: a right edge of complete subtrees, and one open tile a level whose hash is
 * that of the subtree over it, so that nothing is hashed twice. What both agree on, two ways of counting agree on.
 */
export class TreeFold {
  /** Roots of complete subtrees, left to right. */
  readonly #hashes: Uint8Array[] = [];
  readonly #open: Buffer[] = [];
  /** Roots of the subtrees that the newest leaf completed, by height; itself is the first. What lies behind those is of earlier leaves. */
  readonly #completed: Uint8Array[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The tiles it fills, lowest first: none, nearly always. */
  add(leaf: Uint8Array): readonly FoldedTile[] {
    let right = leaf;
    let height = 0;
    this.#completed[0] = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#hashes.pop();
      if (left !== undefined) right = nodeHash(left, right);
      this.#completed[++height] = right;
    }
    this.#hashes.push(right);
    this.#size++;
    return this.#fill();
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

  #fill(): readonly FoldedTile[] {
    const full: FoldedTile[] = [];
    let count = this.#size; // hashes at this level, with the new one
    for (let level = 0; ; level++) {
      const tile = (this.#open[level] ??= Buffer.alloc(TILE_WIDTH * HASH_BYTES));
      tile.set(this.#completedAt(level), ((count - 1) % TILE_WIDTH) * HASH_BYTES);
      if (count % TILE_WIDTH !== 0) return full;
      count /= TILE_WIDTH;
      full.push({ level, n: count - 1, hashes: tile, hash: this.#completedAt(level + 1) });
      this.#open[level] = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
    }
  }

  /** What the newest leaf adds to the tiles of a level: only asked for where it does. */
  #completedAt(level: number): Uint8Array {
    return this.#completed[level * TILE_HEIGHT] ?? NOTHING;
  }
}
const NOTHING = new Uint8Array(0);
