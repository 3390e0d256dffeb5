import {
  formatTilePath,
  parseVkey,
  proveConsistency,
  tileReader,
  tilesOfNodes,
  consistencyNodes,
  TlogError,
  verifyGrowth,
  verifyReceipt,
  type TreeHead,
  type TileId,
} from '@logline/tlog';
import type { Receipt } from '@logline/contracts';
import { ReceiptInvalidError } from './errors.ts';

/** Fetches a tile of the log as wide as asked for. */
export type FetchTile = (path: string) => Promise<Uint8Array>;

/** Holds a log to its word: every receipt verifies, and the tree of each has grown from the one before. */
export class ReceiptKeeper {
  private readonly vkey: ReturnType<typeof parseVkey>;
  private readonly fetchTile: FetchTile;
  private newest: TreeHead | undefined;

  constructor(logKey: string, fetchTile: FetchTile) {
    this.vkey = parseVkey(logKey);
    this.fetchTile = fetchTile;
  }

  /** @throws ReceiptInvalidError when the receipt does not verify */
  verify(receipt: Receipt, spanBytes: Uint8Array): TreeHead {
    try {
      return verifyReceipt({ receipt, spanBytes, vkeys: [this.vkey] });
    } catch (cause) {
      if (!(cause instanceof TlogError)) throw cause;
      throw new ReceiptInvalidError(`the receipt of ${receipt.this} does not verify: ${cause.message}`, {
        code: 'RECEIPT_INVALID',
        cause,
      });
    }
  }

  /** Shows that the log has only grown since the newest head seen, by proofs from its own tiles. @throws ReceiptInvalidError */
  async checkGrowth(head: TreeHead): Promise<void> {
    const known = this.newest;
    if (known !== undefined) {
      const [older, newer] = known.size <= head.size ? [known, head] : [head, known];
      try {
        verifyGrowth(older, newer, await this.consistency(older.size, newer.size));
      } catch (cause) {
        if (!(cause instanceof TlogError)) throw cause;
        throw new ReceiptInvalidError(`the log did not only grow: ${cause.message}`, {
          code: 'RECEIPT_INVALID',
          cause,
        });
      }
    }
    if (known === undefined || head.size > known.size) this.newest = head;
  }

  private async consistency(oldSize: bigint, newSize: bigint): Promise<readonly Uint8Array[]> {
    if (oldSize === newSize) return [];
    const tiles = new Map<string, Uint8Array>();
    for (const tile of tilesOfNodes(consistencyNodes(oldSize, newSize), newSize)) {
      const path = formatTilePath(tile);
      tiles.set(path, await this.fetchTile(path));
    }
    const readTile = (tile: TileId): Uint8Array => tiles.get(formatTilePath(tile)) ?? new Uint8Array();
    return proveConsistency(oldSize, newSize, tileReader(newSize, readTile));
  }
}
