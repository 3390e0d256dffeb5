import {
  formatTilePath,
  growthTiles,
  parseProof,
  parseReceipt,
  TlogError,
  verifyCheckpoint,
  verifyGrowthFromTiles,
  verifyReceiptInTime,
  type TileId,
  type TreeHead,
} from '@logline/tlog';
import type { Receipt } from '@logline/contracts';
import { LogLineError, ReceiptInvalidError } from './errors.ts';
import type { LogKeyFollower } from './log-key-follower.ts';

/** Fetches a tile of the log as wide as asked for. */
export type FetchTile = (path: string) => Promise<Uint8Array>;

/**
 * Receipts in a row for which the log may keep back the tiles that would show its growth. Tiles come from views that can be behind or
 * away, and an append must not fail for that; but a log that never shows them proves nothing.
 */
const MOST_UNSHOWN = 100;

/** Holds a log to its word: every receipt verifies, and the tree of each has grown from the one before. Safe to use from many calls at once. */
export class ReceiptKeeper {
  private readonly follower: LogKeyFollower;
  private readonly fetchTile: FetchTile;
  /** The largest tree that everything before it was shown to be a part of. */
  private shown: TreeHead | undefined;
  private unshown = 0;
  private turn: Promise<void> = Promise.resolve();

  /** @throws TlogError for a checkpoint that is none of this log */
  constructor(follower: LogKeyFollower, fetchTile: FetchTile, knownCheckpoint?: string) {
    this.follower = follower;
    this.fetchTile = fetchTile;
    if (knownCheckpoint === undefined) return;
    const vkeys = follower.keys.map(({ vkey }) => vkey);
    this.shown = verifyCheckpoint(knownCheckpoint, { origin: follower.keys[0].vkey.name, vkeys });
  }

  /**
   * Quietly when the receipt holds by the key of its log time and the log has only grown.
   * @throws ReceiptInvalidError; RotationInvalidError when the log shows a change of its key that is none; LogLineError when it cannot be asked about one
   */
  async check(receipt: Receipt, spanBytes: Uint8Array): Promise<void> {
    const head = await this.verify(receipt, spanBytes);
    // one after the other, so that a tile is asked for once and heads are compared with the newest
    const before = this.turn;
    const own = before.then(() => this.checkGrowth(head));
    this.turn = own.catch(() => undefined);
    await own;
  }

  private async verify(receipt: Receipt, spanBytes: Uint8Array): Promise<TreeHead> {
    try {
      const { checkpoint } = parseProof(parseReceipt(receipt).merkle);
      return await this.follower.verify(checkpoint, (keys) =>
        verifyReceiptInTime({ receipt, spanBytes }, keys),
      );
    } catch (cause) {
      if (!(cause instanceof TlogError)) throw cause;
      throw invalid(`the receipt of ${receipt.this} does not verify: ${cause.message}`, cause);
    }
  }

  private async checkGrowth(head: TreeHead): Promise<void> {
    if (this.shown === undefined) {
      this.shown = head;
      return;
    }
    try {
      const tiles = await this.fetchTiles(growthTiles(this.shown, head));
      if (tiles === null) return this.countUnshown();
      this.shown = verifyGrowthFromTiles(this.shown, head, (tile) => tiles.get(formatTilePath(tile)));
      this.unshown = 0;
    } catch (cause) {
      if (!(cause instanceof TlogError)) throw cause;
      if (cause.code === 'MALFORMED_TILE') return this.countUnshown();
      const what = cause.code === 'FORKED' ? 'did not only grow' : 'does not show that it only grew';
      throw invalid(`the log ${what}: ${cause.message}`, cause);
    }
  }

  private countUnshown(): void {
    this.unshown += 1;
    if (this.unshown > MOST_UNSHOWN)
      throw invalid(`the log has not shown for ${this.unshown} receipts that it only grew`);
  }

  /** Null when one of them is not to be had. */
  private async fetchTiles(tiles: readonly TileId[]): Promise<ReadonlyMap<string, Uint8Array> | null> {
    const paths = tiles.map(formatTilePath);
    try {
      return new Map(
        await Promise.all(paths.map(async (path) => [path, await this.fetchTile(path)] as const)),
      );
    } catch (error) {
      if (error instanceof LogLineError) return null;
      throw error;
    }
  }
}

function invalid(message: string, cause?: unknown): ReceiptInvalidError {
  return new ReceiptInvalidError(message, { code: 'RECEIPT_INVALID', cause });
}
