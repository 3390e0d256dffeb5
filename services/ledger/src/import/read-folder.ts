import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { leafHash, parseBundle, TlogError } from '@logline/tlog';
import { readTrailer, type Trailer, TRAILER_BYTES } from '../domain/commit-chain.ts';
import { type Entry, parseEntry } from '../domain/entry.ts';
import { LedgerError } from '../errors.ts';
import {
  badExport,
  type Bundle,
  LOG_FILE,
  type LogFile,
  parseCommit,
  parseLine,
  parseLogFile,
  standingFile,
} from '../export/folder-format.ts';
import type { CheckpointRow } from '../storage/read-checkpoint-page.ts';

export type FolderEntry = Trailer & {
  readonly entry: Entry;
  readonly index: number;
  readonly leaf: Uint8Array;
};

/** The logs below a folder that an export has completed, in the order of their names. @throws LedgerError `BAD_EXPORT` if there is none */
export async function findLogs(
  folder: string,
): Promise<readonly { readonly folder: string; readonly file: LogFile }[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw badExport(folder, 'it cannot be read', cause);
  });
  const logs: { folder: string; file: LogFile }[] = [];
  for (const name of names.toSorted()) {
    const path = join(folder, name, LOG_FILE);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const file = parseLogFile(text, path);
    if (file.tenant !== name) throw badExport(path, `it is the log of ${file.tenant}`);
    logs.push({ folder: join(folder, name), file });
  }
  if (logs.length === 0) throw badExport(folder, `no log is below it: none has a ${LOG_FILE}`);
  return logs;
}

/** A file of the folder, whole. @throws LedgerError `BAD_EXPORT` */
export async function readWhole(folder: string, path: string): Promise<Buffer> {
  return await readFile(join(folder, path)).catch((cause: unknown) => {
    throw badExport(join(folder, path), 'it cannot be read', cause);
  });
}

/** @throws LedgerError `BAD_EXPORT` that names the file, and the index where an entry is none */
export async function readBundle(
  folder: string,
  tenant: string,
  { from, to, entries, trailers }: Bundle,
): Promise<readonly FolderEntry[]> {
  const where = join(folder, entries);
  const bodies = parseBodies(await readWhole(folder, entries), where, from, to);
  const trailing = await readWhole(folder, trailers);
  if (trailing.length !== (to - from) * TRAILER_BYTES)
    throw badExport(
      join(folder, trailers),
      `it does not hold ${to - from} trailers of entries ${from} to ${to - 1}`,
    );
  return bodies.map((bytes, nth) => {
    const index = from + nth;
    try {
      return {
        ...readTrailer(trailing, nth * TRAILER_BYTES),
        entry: parseEntry(bytes, tenant),
        index,
        leaf: leafHash(bytes),
      };
    } catch (cause) {
      if (cause instanceof LedgerError) throw badExport(where, `entry ${index} is ${cause.message}`, cause);
      throw cause;
    }
  });
}

/** @throws LedgerError `BAD_EXPORT` */
export async function readCommits(folder: string, { commits }: Bundle): Promise<readonly CheckpointRow[]> {
  const text = (await readWhole(folder, commits)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseCommit(line, join(folder, commits)));
}

/** Rows that decisions rest on, as they were written. @throws LedgerError `BAD_EXPORT` */
export async function* readStanding(
  folder: string,
  size: number,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const path = join(folder, standingFile(size));
  const input = createReadStream(path);
  try {
    for await (const line of createInterface({ input })) yield parseLine(line, path);
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw badExport(path, 'it cannot be read', cause);
  }
}

function parseBodies(bundle: Uint8Array, where: string, from: number, to: number): Uint8Array[] {
  try {
    return parseBundle(bundle, to - from);
  } catch (cause) {
    if (cause instanceof TlogError)
      throw badExport(where, `entries ${from} to ${to - 1}: ${cause.message}`, cause);
    throw cause;
  }
}
