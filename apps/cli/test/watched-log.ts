import { signerFromSeed } from '@logline/canon-sign';
import {
  appendLeaves,
  emptyEdge,
  emptyTiledEdge,
  formatAddCheckpoint,
  formatVkey,
  growTiles,
  leafHash,
  proveConsistency,
  type ReadNode,
  rootOf,
  signCheckpoint,
  tileReader,
} from '@logline/tlog';

/** A log of a few hundred entries that a witness is asked to watch; `fork` gives one of the same name and key with another past. */
export class WatchedLog {
  readonly origin: string;
  readonly vkey: string;
  readonly #leaves: readonly Uint8Array[];
  readonly #readNode: ReadNode;
  readonly #signer = signerFromSeed('kid_log', new Uint8Array(32).fill(1));

  constructor(origin: string, entryOf: (at: number) => string = String) {
    this.origin = origin;
    this.vkey = formatVkey(origin, this.#signer.publicKey);
    this.#leaves = Array.from({ length: 600 }, (_, at) => leafHash(new TextEncoder().encode(entryOf(at))));
    const { edge, tiles } = growTiles(emptyTiledEdge(), this.#leaves);
    this.#readNode = tileReader(
      600n,
      ({ level, index }) =>
        tiles.find((tile) => tile.level === level && tile.index === index)?.bytes ??
        edge.tiles[Number(level)] ??
        new Uint8Array(0),
    );
  }

  fork(): WatchedLog {
    return new WatchedLog(this.origin, (at) => `forked ${at}`);
  }

  checkpoint(size: number): string {
    const root = rootOf(appendLeaves(emptyEdge(), this.#leaves.slice(0, size)));
    return signCheckpoint({ origin: this.origin, size: BigInt(size), root }, [
      { name: this.origin, signer: this.#signer },
    ]);
  }

  /** Body of an add-checkpoint request. */
  request(from: number, to: number): string {
    const proof = from <= to ? proveConsistency(BigInt(from), BigInt(to), this.#readNode) : [];
    return formatAddCheckpoint({ oldSize: BigInt(from), proof, checkpoint: this.checkpoint(to) });
  }
}
