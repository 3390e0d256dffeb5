import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseHex } from '@logline/canon-sign';
import { formatTilePath, partialTiles, ROTATIONS_FILE, TILE_WIDTH } from '@logline/tlog';
import { TreeFold } from '../check/tree-fold.ts';
import { badExport, bundlesOf, fullTilesOf, type LogFile, standingFile } from '../export/folder-format.ts';
import { formatRotationsOf } from '../export/rotations-of.ts';
import type { Sql } from '../storage/append-connection.ts';
import { toSpanId } from '../storage/find-known.ts';
import { insertCheckpoints } from '../storage/insert-checkpoints.ts';
import { insertEntries } from '../storage/insert-entries.ts';
import { insertIdempotency, type Spending } from '../storage/insert-idempotency.ts';
import { insertLogs } from '../storage/insert-logs.ts';
import { insertNonces } from '../storage/insert-nonces.ts';
import { insertTiles } from '../storage/insert-tiles.ts';
import type { StoredLog } from '../storage/load-logs.ts';
import { readTiles } from '../storage/read-tiles.ts';
import { saveHeads } from '../storage/save-heads.ts';
import { saveWrites } from '../storage/save-writes.ts';
import { readBundle, readCommits, readStanding, readWhole } from './read-folder.ts';

export type ImportParts = {
  readonly logId: number;
  readonly partition: number;
  readonly folder: string;
  readonly progress: (entries: number) => void;
};

const ROWS_AT_ONCE = 1_000;

/**
 * Puts the rows of an exported log where they came from, in the transaction that `sql` is in. What they say is not believed by that: the
 * caller checks the log as it checks any, and commits only then.
 * @throws LedgerError `BAD_EXPORT`; PostgresError
 */
export async function importLog(sql: Sql, file: LogFile, parts: ImportParts): Promise<void> {
  const { tenant, origin, size } = file;
  const { logId, folder } = parts;
  const tree = new TreeFold();
  let timeMs = 0;
  let note = '';
  for (const bundle of bundlesOf(size)) {
    const entries = await readBundle(folder, tenant, bundle);
    const commits = await readCommits(folder, bundle);
    await insertEntries(
      sql,
      // one log time each: that of their commit, if nobody has changed it
      [...Map.groupBy(entries, (entry) => entry.timeMs)].map(([time, own]) => ({
        after: { logId, timeMs: time },
        entries: own.map((one) => ({ ...one, trace: Buffer.from(one.trace).toString('hex') })),
      })),
    );
    if (commits.length > 0)
      await insertCheckpoints(
        sql,
        commits.map((commit) => ({
          after: { logId, size: commit.size },
          checkpoint: commit.note,
          link: commit.link,
        })),
      );
    for (const { leaf } of entries) tree.add(leaf);
    timeMs = entries.at(-1)?.timeMs ?? timeMs;
    note = commits.at(-1)?.note ?? note;
    parts.progress(entries.length);
  }
  await importTiles(sql, file, parts);
  await importStanding(sql, size, parts);
  const after = { logId, tenant, origin, size, timeMs };
  await insertLogs(sql, parts.partition, [{ after, isNew: true, root: tree.root(), edge: tree.edge() }]);
  await compareServed(sql, file, parts, note);
}

/** As they are in the folder, so that the check holds them against the entries. */
async function importTiles(sql: Sql, { size }: LogFile, { logId, folder }: ImportParts): Promise<void> {
  for (const [level, count] of fullTilesOf(size).entries()) {
    for (let from = 0; from < count; from += TILE_WIDTH) {
      const numbers = Array.from({ length: Math.min(TILE_WIDTH, count - from) }, (_, at) =>
        BigInt(from + at),
      );
      const tiles = await Promise.all(
        numbers.map(async (index) => {
          const path = formatTilePath({ level, index, width: TILE_WIDTH });
          const bytes = await readWhole(folder, path);
          if (bytes.length !== TILE_WIDTH * 32) throw badExport(join(folder, path), 'it is no full tile');
          return { level, index, bytes };
        }),
      );
      await insertTiles(sql, [{ after: { logId }, tiles }]);
    }
  }
}

/** What is served and not stored: the newest checkpoint, and the tiles that are not full. */
async function compareServed(
  sql: Sql,
  { size }: LogFile,
  { logId, folder }: ImportParts,
  note: string,
): Promise<void> {
  if ((await readWhole(folder, 'checkpoint')).toString('utf8') !== note)
    throw badExport(join(folder, 'checkpoint'), `it is not that of the last commit, at index ${size - 1}`);
  const partial = partialTiles(BigInt(size));
  const tiles = await readTiles(sql, logId, partial);
  for (const tile of partial) {
    const path = formatTilePath(tile);
    const [there, ours] = [await readWhole(folder, path), tiles.get(path) ?? new Uint8Array(0)];
    if (Buffer.compare(there, ours) === 0) continue;
    const nth = ours.findIndex((byte, at) => byte !== there[at]);
    const place = Number(tile.index) * TILE_WIDTH + Math.floor(Math.max(0, nth) / 32);
    const first = place * TILE_WIDTH ** Number(tile.level);
    throw badExport(join(folder, path), `it is not that of the entries, from index ${first}`);
  }
}

/**
 * What is served of the keys as well, where the folder has it: older exports do not. The log must have been checked.
 * @throws LedgerError `BAD_EXPORT`
 */
export async function compareRotations(sql: Sql, log: StoredLog, folder: string): Promise<void> {
  const path = join(folder, ROTATIONS_FILE);
  const there = await readFile(path, 'utf8').catch(() => undefined);
  if (there !== undefined && there !== (await formatRotationsOf(sql, log)))
    throw badExport(path, 'it is not that of the entries');
}

type Row = Readonly<Record<string, unknown>>;

async function importStanding(sql: Sql, size: number, parts: ImportParts): Promise<void> {
  let rows: Row[] = [];
  for await (const row of readStanding(parts.folder, size)) {
    rows.push(row);
    if (rows.length < ROWS_AT_ONCE) continue;
    await insertStanding(sql, rows, size, parts);
    rows = [];
  }
  await insertStanding(sql, rows, size, parts);
}

async function insertStanding(
  sql: Sql,
  rows: readonly Row[],
  size: number,
  { logId, folder }: ImportParts,
): Promise<void> {
  const where = join(folder, standingFile(size));
  const text = (row: Row, key: string): string => {
    const value = row[key];
    if (typeof value !== 'string') throw badExport(where, `a row has no ${key}`);
    return value;
  };
  const number = (row: Row, key: string): number => {
    const value = row[key];
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      throw badExport(where, `a row has no ${key}`);
    return value;
  };
  const digest = (row: Row): Uint8Array => {
    try {
      return parseHex(text(row, 'hash'), 32);
    } catch (cause) {
      throw badExport(where, 'a row has no hash', cause);
    }
  };
  const ofKind = (kind: string): readonly Row[] => rows.filter((row) => kind in row);
  const heads = ofKind('head').map((row) => ({
    logId,
    subject: text(row, 'head'),
    this: toSpanId(text(row, 'this')),
  }));
  await saveHeads(sql, heads);
  await saveWrites(
    sql,
    ofKind('write').map((row) => ({ logId, key: text(row, 'write'), index: number(row, 'index') })),
  );
  const spendings = (kind: 'idempotency' | 'nonce', owner: string): [number, Spending[]][] => [
    ...Map.groupBy(
      ofKind(kind).map((row) => ({
        logId,
        owner: text(row, owner),
        name: text(row, kind),
        digest: digest(row),
        index: number(row, 'index'),
        timeMs: number(row, 'ts_ms'),
      })),
      ({ timeMs }) => timeMs,
    ),
  ];
  for (const [timeMs, spent] of spendings('idempotency', 'token'))
    await insertIdempotency(sql, timeMs, spent);
  for (const [timeMs, spent] of spendings('nonce', 'kid')) await insertNonces(sql, timeMs, spent);
}
