import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBundle, formatTilePath, partialTiles, ROTATIONS_FILE, TILE_WIDTH } from '@logline/tlog';
import { formatTrailers } from '../domain/commit-chain.ts';
import { LedgerError } from '../errors.ts';
import type { StoredLog } from '../storage/load-logs.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import { readCheckpointPage } from '../storage/read-checkpoint-page.ts';
import { readEntryPage } from '../storage/read-entry-page.ts';
import { readStoredTiles } from '../storage/read-stored-tiles.ts';
import { readTiles } from '../storage/read-tiles.ts';
import { streamStanding } from '../storage/stream-standing.ts';
import {
  badExport,
  type Bundle,
  bundlesOf,
  FORMAT,
  formatCommit,
  fullTilesOf,
  LOG_FILE,
  type LogFile,
  parseLogFile,
  standingFile,
  VERSION,
} from './folder-format.ts';
import { formatRotationsOf } from './rotations-of.ts';
import { isThere, writeWhole } from './write-file.ts';

/** Tiles that are read at once: 2 MiB. */
const TILES_AT_ONCE = 256;

/**
 * One log as a folder (`folder-format.ts`). What is there and full stays as it is, so an export goes on where an earlier one ended; `checkpoint` and
 * `log.json` come last, so a folder is always that of some size. The log must have been checked.
 * @throws PostgresError; what the file system throws
 */
export async function exportLog(
  sql: RawSql,
  log: StoredLog,
  folder: string,
  progress: (entries: number) => void,
): Promise<void> {
  const { logId, tenant, origin, size } = log;
  await refuseOther(log, folder);
  let newest = '';
  for (const bundle of bundlesOf(size)) {
    newest = (await exportBundle(sql, logId, bundle, folder)) ?? newest;
    progress(bundle.to - bundle.from);
  }
  await exportTiles(sql, logId, size, folder);
  await writeWhole(folder, standingFile(size), lines(streamStanding(sql, logId)));
  const file: LogFile = { format: FORMAT, version: VERSION, tenant, origin, size };
  const rotations = await formatRotationsOf(sql, log);
  if (rotations !== undefined) await writeWhole(folder, ROTATIONS_FILE, rotations);
  await writeWhole(folder, 'checkpoint', newest || (await lastNote(sql, logId, size)));
  await writeWhole(folder, LOG_FILE, `${JSON.stringify(file)}\n`);
  for (const name of await readdir(join(folder, 'logline')))
    if (name.startsWith('standing-') && name !== standingFile(size).split('/')[1])
      await rm(join(folder, 'logline', name));
}

/** What is there must be an earlier export of the same log: it is gone on with. @throws LedgerError `BAD_EXPORT` */
async function refuseOther({ origin, size }: StoredLog, folder: string): Promise<void> {
  const path = join(folder, LOG_FILE);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const there = parseLogFile(text, path);
  if (there.origin !== origin || there.size > size)
    throw badExport(
      path,
      `an export of ${there.origin} at size ${there.size}, which this does not go on from`,
    );
}

/** The note of the last commit that ended in it; undefined when none did, or all of it was there already. */
async function exportBundle(
  sql: RawSql,
  logId: number,
  { from, to, isFull, entries, trailers, commits }: Bundle,
  folder: string,
): Promise<string | undefined> {
  if (isFull && (await isThere(folder, commits))) return undefined;
  const rows = await readEntryPage(sql, logId, from, to);
  const ended = (await readCheckpointPage(sql, logId, from, to)).filter(({ size }) => size <= to);
  const whole = rows.map(({ index, timeMs, verdictOf, trace, signature, bytes }) => {
    if (bytes === null || trace === null || signature === null)
      throw new LedgerError('LOG_CORRUPT', `entry ${index} of log ${logId} is not whole`);
    return { bytes, timeMs, verdictOf, trace, signature };
  });
  await writeWhole(folder, entries, formatBundle(whole.map(({ bytes }) => bytes)));
  await writeWhole(folder, trailers, formatTrailers(whole));
  // last of the three: where it is, they are
  await writeWhole(folder, commits, ended.map(formatCommit).join(''));
  return ended.at(-1)?.note;
}

async function exportTiles(sql: RawSql, logId: number, size: number, folder: string): Promise<void> {
  for (const [level, count] of fullTilesOf(size).entries()) {
    for (let from = 0; from < count; from += TILES_AT_ONCE) {
      const missing: { level: number; n: number }[] = [];
      for (let n = from; n < Math.min(count, from + TILES_AT_ONCE); n++)
        if (!(await isThere(folder, pathOf(level, n)))) missing.push({ level, n });
      if (missing.length === 0) continue;
      for (const { n, hashes } of await readStoredTiles(sql, logId, missing))
        await writeWhole(folder, pathOf(level, n), hashes);
    }
  }
  const partial = partialTiles(BigInt(size));
  const tiles = await readTiles(sql, logId, partial);
  for (const [path, hashes] of tiles) await writeWhole(folder, path, hashes);
}

const pathOf = (level: number, n: number): string =>
  formatTilePath({ level, index: BigInt(n), width: TILE_WIDTH });

async function lastNote(sql: RawSql, logId: number, size: number): Promise<string> {
  const [last] = await readCheckpointPage(sql, logId, size - 1, size);
  if (last === undefined) throw new LedgerError('LOG_CORRUPT', `log ${logId} has no checkpoint of its size`);
  return last.note;
}

async function* lines(source: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of source) yield `${line}\n`;
}
