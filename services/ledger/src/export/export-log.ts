import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBundle, formatTilePath, partialTiles, ROTATIONS_FILE, TILE_WIDTH } from '@logline/tlog';
import { formatTrailers } from '../domain/commit-chain.ts';
import { LedgerError } from '../errors.ts';
import type { StoredLog } from '../storage/load-logs.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import { readCheckpoint } from '../storage/read-checkpoint.ts';
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
import { isThere, writeChanged, writeWhole } from './write-file.ts';

/** Tiles that are read at once: 2 MiB. */
const TILES_AT_ONCE = 256;

/**
 * One log as a folder (`folder-format.ts`). What is full and of an export that was completed stays as it is, so this one goes on where that one ended;
 * `checkpoint` and `log.json` come last, so a folder is always that of some size. The log must have been checked.
 * @throws LedgerError `BAD_EXPORT` where another log is, or another history of this one; PostgresError; what the file system throws
 */
export async function exportLog(
  sql: RawSql,
  log: StoredLog,
  folder: string,
  progress: (entries: number) => void,
): Promise<void> {
  const { logId, tenant, origin, size } = log;
  const complete = await completeSize(sql, log, folder);
  for (const bundle of bundlesOf(size)) {
    const isKept = bundle.isFull && bundle.to <= complete && (await isThere(folder, bundle.commits));
    if (!isKept) await exportBundle(sql, logId, bundle, folder);
    progress(bundle.to - bundle.from);
  }
  await exportTiles(sql, log, complete, folder);
  await writeWhole(folder, standingFile(size), lines(streamStanding(sql, logId)));
  const file: LogFile = { format: FORMAT, version: VERSION, tenant, origin, size };
  const rotations = await formatRotationsOf(sql, log);
  if (rotations !== undefined) await writeWhole(folder, ROTATIONS_FILE, rotations);
  else await rm(join(folder, ROTATIONS_FILE), { force: true }); // of another history, by an export that broke off
  await writeWhole(folder, 'checkpoint', await readCheckpoint(sql, logId, size));
  await writeWhole(folder, LOG_FILE, `${JSON.stringify(file)}\n`);
  for (const name of await readdir(join(folder, 'logline')))
    if (name.startsWith('standing-') && name !== standingFile(size).split('/')[1])
      await rm(join(folder, 'logline', name));
}

/**
 * The size to which the folder is an export of this log; 0 where none was completed. Its last commit must be the database's: one that was put back and
 * has grown since has another history, which is not to be mixed with the one that is here. The link tells that also where all entries are the same.
 * @throws LedgerError `BAD_EXPORT`
 */
async function completeSize(
  sql: RawSql,
  { logId, origin, size }: StoredLog,
  folder: string,
): Promise<number> {
  const path = join(folder, LOG_FILE);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return 0;
  const there = parseLogFile(text, path);
  if (there.origin !== origin || there.size > size)
    throw badExport(
      path,
      `an export of ${there.origin} at size ${there.size}, which this does not go on from: export into another folder`,
    );
  const commits = [...bundlesOf(there.size)].at(-1)?.commits ?? '';
  const lines = await readFile(join(folder, commits), 'utf8').catch(() => '');
  const [own] = await readCheckpointPage(sql, logId, there.size - 1, there.size);
  if (own?.size !== there.size || !`\n${lines}`.endsWith(`\n${formatCommit(own)}`))
    throw badExport(
      path,
      `its commit of size ${there.size} is not the one that the database has: another history of ${origin}, or damaged; export into another folder`,
    );
  return there.size;
}

/** What an export that was not completed has left may be of another history: it is held against what the database has. */
async function exportBundle(
  sql: RawSql,
  logId: number,
  { from, to, entries, trailers, commits }: Bundle,
  folder: string,
): Promise<void> {
  const rows = await readEntryPage(sql, logId, from, to);
  const ended = (await readCheckpointPage(sql, logId, from, to)).filter(({ size }) => size <= to);
  const whole = rows.map(({ index, timeMs, verdictOf, trace, signature, bytes }) => {
    if (bytes === null || trace === null || signature === null)
      throw new LedgerError('LOG_CORRUPT', `entry ${index} of log ${logId} is not whole`);
    return { bytes, timeMs, verdictOf, trace, signature };
  });
  await writeChanged(folder, entries, formatBundle(whole.map(({ bytes }) => bytes)));
  await writeChanged(folder, trailers, formatTrailers(whole));
  // last of the three: where it is, they are
  await writeChanged(folder, commits, Buffer.from(ended.map(formatCommit).join('')));
}

async function exportTiles(
  sql: RawSql,
  { logId, size }: StoredLog,
  complete: number,
  folder: string,
): Promise<void> {
  for (const [level, count] of fullTilesOf(size).entries()) {
    const kept = fullTilesOf(complete)[level] ?? 0;
    for (let from = 0; from < count; from += TILES_AT_ONCE) {
      const missing: { level: number; n: number }[] = [];
      for (let n = from; n < Math.min(count, from + TILES_AT_ONCE); n++)
        if (n >= kept || !(await isThere(folder, pathOf(level, n)))) missing.push({ level, n });
      if (missing.length === 0) continue;
      for (const { n, hashes } of await readStoredTiles(sql, logId, missing))
        await writeChanged(folder, pathOf(level, n), hashes);
    }
  }
  const partial = partialTiles(BigInt(size));
  const tiles = await readTiles(sql, logId, partial);
  for (const [path, hashes] of tiles) await writeChanged(folder, path, hashes);
}

const pathOf = (level: number, n: number): string =>
  formatTilePath({ level, index: BigInt(n), width: TILE_WIDTH });

async function* lines(source: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of source) yield `${line}\n`;
}
