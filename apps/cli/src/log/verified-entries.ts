import {
  formatTilePath,
  inclusionNodes,
  leafHash,
  type LogReader,
  parseBundle,
  proveInclusion,
  type TileId,
  tileReader,
  tilesOfNodes,
  tileWidth,
  TlogError,
  verifyInclusion,
} from '@logline/tlog';
import { CliError } from '../errors.ts';
import type { SignedHead } from './head.ts';

/** An entry that was shown to be under the head's root, and the hashes that show it. */
export type VerifiedEntry = {
  readonly index: bigint;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
  readonly hashes: readonly Uint8Array[];
};

/** Tiles kept: enough for all on the way from a bundle to the root, of which most are those of its neighbours too. */
const TILES_KEPT = 64;

/** The entries of a log as a signed head has them. None is given before its proof leads to the head's root. */
export class VerifiedEntries {
  readonly head: SignedHead;
  readonly #reader: LogReader;
  readonly #tiles = new Map<string, Promise<Uint8Array>>();
  #bundle: { readonly index: bigint; readonly entries: readonly Uint8Array[] } | null = null;

  constructor(reader: LogReader, head: SignedHead) {
    this.head = head;
    this.#reader = reader;
  }

  /** @throws CliError `NOT_VERIFIED`; `NOT_FOUND` beyond the head */
  async at(index: bigint): Promise<VerifiedEntry> {
    const { size, origin } = this.head;
    if (index < 0n || index >= size)
      throw new CliError('NOT_FOUND', `${origin} has ${size} entries, and none at index ${index}`);
    const entries = await this.#entriesOf(index / 256n);
    const bytes = entries[Number(index % 256n)] ?? new Uint8Array();
    const leaf = leafHash(bytes);
    return { index, bytes, leaf, hashes: await this.prove(index, leaf, this.head) };
  }

  /** The verified proof that a leaf is at `index` in the tree of `head`. @throws CliError `NOT_VERIFIED` */
  async prove(index: bigint, leaf: Uint8Array, { size, root }: SignedHead): Promise<readonly Uint8Array[]> {
    const wanted = tilesOfNodes(inclusionNodes(index, size), size);
    const tiles = new Map(
      await Promise.all(wanted.map(async (tile) => [formatTilePath(tile), await this.#tile(tile)] as const)),
    );
    try {
      const readNode = tileReader(size, (tile) => tiles.get(formatTilePath(tile)) ?? new Uint8Array());
      const proof = proveInclusion(index, size, readNode);
      verifyInclusion({ index, size, leafHash: leaf, proof }, root);
      return proof;
    } catch (cause) {
      throw this.#lie(cause, `entry ${index} is not under the root that is signed for ${size} entries`);
    }
  }

  /** Entries `[from, to)` in order. */
  async *range(from: bigint, to: bigint): AsyncGenerator<VerifiedEntry> {
    for (let index = from; index < to; index += 1n) yield await this.at(index);
  }

  /** Entries before `to`, the newest first. */
  async *backwards(to: bigint): AsyncGenerator<VerifiedEntry> {
    for (let index = to - 1n; index >= 0n; index -= 1n) yield await this.at(index);
  }

  async #entriesOf(index: bigint): Promise<readonly Uint8Array[]> {
    if (this.#bundle?.index === index) return this.#bundle.entries;
    const tile: TileId = { level: 'entries', index, width: tileWidth('entries', index, this.head.size) };
    const bytes = await this.#reader.entries(tile);
    if (bytes === null) throw this.#gone(tile);
    try {
      const entries = parseBundle(bytes, tile.width);
      this.#bundle = { index, entries };
      return entries;
    } catch (cause) {
      throw this.#lie(cause, `${formatTilePath(tile)} cannot be read`);
    }
  }

  #tile(tile: TileId): Promise<Uint8Array> {
    const path = formatTilePath(tile);
    const reading = this.#tiles.get(path) ?? this.#read(tile);
    this.#tiles.delete(path);
    this.#tiles.set(path, reading);
    const oldest = this.#tiles.keys().next();
    if (this.#tiles.size > TILES_KEPT && oldest.done !== true) this.#tiles.delete(oldest.value);
    return reading;
  }

  async #read(tile: TileId): Promise<Uint8Array> {
    const bytes = await this.#reader.tile(tile);
    if (bytes === null) throw this.#gone(tile);
    return bytes;
  }

  #gone(tile: TileId): CliError {
    return new CliError(
      'NOT_VERIFIED',
      `${this.head.origin} does not serve ${formatTilePath(tile)}, which its own checkpoint of ${this.head.size} entries needs`,
      { fix: 'run logline log fsck for the whole picture' },
    );
  }

  #lie(cause: unknown, what: string): unknown {
    if (!(cause instanceof TlogError)) return cause;
    return new CliError('NOT_VERIFIED', `${this.head.origin} does not hold: ${what} (${cause.code})`, {
      cause,
      fix: 'do not rely on it; logline log fsck names everything that is wrong',
    });
  }
}
