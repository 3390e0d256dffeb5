import { formatBase64, formatHex, parseBase64, parseHex } from '@logline/canon-sign';
import { formatTilePath, TILE_WIDTH } from '@logline/tlog';
import { LedgerError } from '../errors.ts';
import type { CheckpointRow } from '../storage/read-checkpoint-page.ts';

/**
 * A log as a folder: `checkpoint`, `tile/<level>/…`, `tile/entries/…` as C2SP tlog-tiles has them, so that whoever serves it as files serves a
 * log, with `rotations` where it has gone through several keys; and beside them, below `logline/`, what that has no place for, in files of as many entries as a bundle has:
 *
 * - `logline/log.json`       which log, how large, which version of this format; written last
 * - `logline/trailers/<n>`   for each entry 96 bytes: log time, cause, trace, receipt signature (`domain/commit-chain.ts`)
 * - `logline/commits/<n>`    a JSON line for each commit that ended among these entries: size, checkpoint, link
 * - `logline/standing-<size>` a JSON line for each head, write, idempotency key and nonce
 */
export const FORMAT = 'logline-log-folder';
export const VERSION = 1;

export type LogFile = {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly tenant: string;
  readonly origin: string;
  readonly size: number;
};

export const LOG_FILE = 'logline/log.json';
export const standingFile = (size: number): string => `logline/standing-${size}`;

/** One bundle's worth of a log of this size: its number, its entries, and the files they are in. */
export type Bundle = {
  readonly from: number;
  readonly to: number;
  readonly isFull: boolean;
  readonly entries: string;
  readonly trailers: string;
  readonly commits: string;
};

export function* bundlesOf(size: number): Generator<Bundle> {
  for (let from = 0; from < size; from += TILE_WIDTH) {
    const to = Math.min(size, from + TILE_WIDTH);
    const path = formatTilePath({ level: 'entries', index: BigInt(from / TILE_WIDTH), width: to - from });
    yield {
      from,
      to,
      isFull: to - from === TILE_WIDTH,
      entries: path,
      trailers: path.replace('tile/entries/', 'logline/trailers/'),
      commits: path.replace('tile/entries/', 'logline/commits/'),
    };
  }
}

/** How many full tiles each level of a tree of this size has, lowest level first. */
export function fullTilesOf(size: number): readonly number[] {
  const counts: number[] = [];
  for (let tiles = Math.floor(size / TILE_WIDTH); tiles > 0; tiles = Math.floor(tiles / TILE_WIDTH))
    counts.push(tiles);
  return counts;
}

export function formatCommit({ size, note, link }: CheckpointRow): string {
  const parts =
    link === undefined
      ? {}
      : {
          chain: formatHex(link.chain),
          chain_signature: formatBase64(link.signature),
          marks: formatBase64(link.marks),
        };
  return `${JSON.stringify({ size, note, ...parts })}\n`;
}

/** @throws LedgerError `BAD_EXPORT` */
export function parseCommit(line: string, where: string): CheckpointRow {
  const { size, note, chain, chain_signature, marks } = parseLine(line, where);
  if (typeof size !== 'number' || typeof note !== 'string') throw badExport(where, 'a line is no commit');
  if (chain === undefined) return { size, note, link: undefined };
  if (typeof chain !== 'string' || typeof chain_signature !== 'string' || typeof marks !== 'string')
    throw badExport(where, 'a line is no commit');
  try {
    return {
      size,
      note,
      link: {
        chain: parseHex(chain, 32),
        signature: parseBase64(chain_signature),
        marks: parseBase64(marks),
      },
    };
  } catch (cause) {
    throw badExport(where, 'a link is no link', cause);
  }
}

/** @throws LedgerError `BAD_EXPORT` */
export function parseLogFile(text: string, where: string): LogFile {
  const { format, version, tenant, origin, size } = parseLine(text, where);
  if (format !== FORMAT || version !== VERSION) throw badExport(where, `not version ${VERSION} of ${FORMAT}`);
  if (typeof tenant !== 'string' || typeof origin !== 'string') throw badExport(where, 'it names no log');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1)
    throw badExport(where, 'its size is none');
  return { format: FORMAT, version: VERSION, tenant, origin, size };
}

/** @throws LedgerError `BAD_EXPORT` */
export function parseLine(line: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw badExport(where, 'a line is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badExport(where, 'a line is no object');
  return value as Readonly<Record<string, unknown>>; // an object, whatever its fields
}

export function badExport(where: string, why: string, cause?: unknown): LedgerError {
  return new LedgerError('BAD_EXPORT', `${where}: ${why}`, { cause });
}
