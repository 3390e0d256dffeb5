import { formatTilePath, type LogReader, type TileId } from '@logline/tlog';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { isErrno, writePublic } from '../files.ts';
import { cutEntries, cutHashes, MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, TILE_BYTES } from './tile-bytes.ts';

/** A log as files, as any web server can serve it (C2SP tlog-tiles): `checkpoint`, `tile/<level>/…`, `tile/entries/…`. */
export class FolderLog implements LogReader {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** @throws CliError `NOT_FOUND` */
  static async open(dir: string): Promise<FolderLog> {
    const info = await stat(dir).catch(() => null);
    if (info?.isDirectory() !== true) throw new CliError('NOT_FOUND', `there is no folder ${dir}`);
    return new FolderLog(dir);
  }

  async checkpoint(): Promise<string | null> {
    const bytes = await this.read('checkpoint', MAX_NOTE_BYTES);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  }

  async tile(tile: TileId): Promise<Uint8Array | null> {
    const exact = await this.read(formatTilePath(tile), TILE_BYTES);
    if (exact !== null || tile.width === 256) return exact;
    const full = await this.read(formatTilePath({ ...tile, width: 256 }), TILE_BYTES);
    return full === null ? null : cutHashes(full, tile);
  }

  async entries(tile: TileId): Promise<Uint8Array | null> {
    const exact = await this.read(formatTilePath(tile), MAX_BUNDLE_BYTES);
    if (exact !== null || tile.width === 256) return exact;
    const full = await this.read(formatTilePath({ ...tile, width: 256 }), MAX_BUNDLE_BYTES);
    return full === null ? null : cutEntries(full, tile);
  }

  /** Null when it is not there. One byte more than may be is read and no more, so that what is too long is found to be. */
  async read(path: string, maxBytes: number): Promise<Uint8Array | null> {
    try {
      const file = await open(join(this.dir, path), 'r');
      try {
        const { size } = await file.stat();
        const bytes = new Uint8Array(Math.min(size, maxBytes + 1));
        let length = 0;
        while (length < bytes.length) {
          const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
          if (bytesRead === 0) break;
          length += bytesRead;
        }
        return bytes.subarray(0, length);
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (isErrno(cause, 'ENOENT') || isErrno(cause, 'ENOTDIR')) return null;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CliError('INVALID_INPUT', `${join(this.dir, path)} cannot be read: ${why}`, { cause });
    }
  }

  /** All or nothing, on disk. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    await writePublic(join(this.dir, path), bytes);
  }
}
