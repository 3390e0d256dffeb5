import { blake3Digest, formatHex, utf8 } from '@logline/canon-sign';
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { RunnerError } from '../errors.ts';
import { type JournalLock, lockJournal } from './lock.ts';
import type { JournalRecord } from './record.ts';

const FILE = 'journal.ndjson';
const SUM_CHARS = 16;

/**
 * Lines appended to one file, each durable (fdatasync) before `append` resolves, in the order of the calls. A line is a checksum and
 * JSON. A last line that a crash tore is dropped, for nobody has acted on it; anything else unreadable is `JOURNAL_CORRUPT`.
 * One process at a time: a lock file holds the others off.
 */
export class Journal {
  readonly #directory: string;
  readonly #lock: JournalLock;
  #file: FileHandle;
  #sizeBytes: number;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, lock: JournalLock, file: FileHandle, sizeBytes: number) {
    this.#directory = directory;
    this.#lock = lock;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  /** @throws RunnerError `JOURNAL_LOCKED`, `JOURNAL_CORRUPT`, `JOURNAL_FAILED` */
  static async open(
    directory: string,
  ): Promise<{ readonly journal: Journal; readonly records: readonly JournalRecord[] }> {
    const lock = await lockJournal(directory);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const path = join(directory, FILE);
      const file = await open(path, 'a+', 0o600);
      const { records, goodBytes } = parseJournal(await readFile(path));
      await file.truncate(goodBytes);
      await file.sync();
      await syncDirectory(directory);
      return { journal: new Journal(directory, lock, file, goodBytes), records };
    } catch (cause) {
      await lock.release();
      throw asRunnerError(cause);
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(record: JournalRecord): Promise<void> {
    return this.#next(async () => {
      const line = formatLine(record);
      await this.#file.appendFile(line);
      await this.#file.datasync();
      this.#sizeBytes += line.length;
    });
  }

  /** The whole journal becomes this one record: written beside it, then renamed over it. */
  replace(record: JournalRecord): Promise<void> {
    return this.#next(async () => {
      const line = formatLine(record);
      const path = join(this.#directory, FILE);
      const file = await open(`${path}.new`, 'w', 0o600);
      await file.writeFile(line);
      await file.sync();
      await rename(`${path}.new`, path);
      await syncDirectory(this.#directory);
      await this.#file.close();
      await file.close();
      this.#file = await open(path, 'a', 0o600);
      this.#sizeBytes = line.length;
    });
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file.close();
    await this.#lock.release();
  }

  /** One after the other; after a failure nothing is written any more, since what the file holds is unknown. */
  #next(write: () => Promise<void>): Promise<void> {
    const written = this.#last.then(write).catch((cause: unknown) => {
      throw asRunnerError(cause);
    });
    this.#last = written;
    // the caller hears of it; the chain only keeps the order
    written.catch(() => undefined);
    return written;
  }
}

export function formatLine(record: JournalRecord): Uint8Array {
  const json = JSON.stringify(record);
  return utf8(`${checksum(json)} ${json}\n`);
}

/** @throws RunnerError `JOURNAL_CORRUPT` */
export function parseJournal(bytes: Uint8Array): {
  readonly records: JournalRecord[];
  readonly goodBytes: number;
} {
  const records: JournalRecord[] = [];
  let goodBytes = 0;
  while (goodBytes < bytes.length) {
    const end = bytes.indexOf(LINE_FEED, goodBytes);
    const record = end < 0 ? null : parseLine(new TextDecoder().decode(bytes.subarray(goodBytes, end)));
    if (record === null) {
      const isTorn = end < 0 || end === bytes.length - 1;
      if (isTorn) return { records, goodBytes };
      throw new RunnerError(
        'JOURNAL_CORRUPT',
        `the journal cannot be read at byte ${goodBytes}: restore it, or move it away to begin anew from the log`,
      );
    }
    records.push(record);
    goodBytes = end + 1;
  }
  return { records, goodBytes };
}

const LINE_FEED = 0x0a;

function parseLine(line: string): JournalRecord | null {
  const json = line.slice(SUM_CHARS + 1);
  if (line[SUM_CHARS] !== ' ' || line.slice(0, SUM_CHARS) !== checksum(json)) return null;
  return JSON.parse(json) as JournalRecord; // our own words: the checksum says that they are as we wrote them
}

function checksum(text: string): string {
  return formatHex(blake3Digest(utf8(text))).slice(0, SUM_CHARS);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asRunnerError(cause: unknown): RunnerError {
  if (cause instanceof RunnerError) return cause;
  const reason = cause instanceof Error ? cause.message : 'no reason';
  return new RunnerError('JOURNAL_FAILED', `the journal cannot be written: ${reason}`, { cause });
}
