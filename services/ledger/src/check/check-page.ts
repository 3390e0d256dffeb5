import { createHash } from 'node:crypto';
import { isValidSignature, signedMessage } from '@logline/canon-sign';
import { formatInstant } from '@logline/contracts';
import { leafHash, TlogError, verifyCheckpoint, type Vkey } from '@logline/tlog';
import { TRAILER_BYTES, writeTrailer } from '../domain/commit-chain.ts';
import { type Entry, parseEntry } from '../domain/entry.ts';
import { LOG_ROTATED, TENANT_CREATED } from '../domain/log-keys.ts';
import { LedgerError } from '../errors.ts';
import { toMessage } from '../publish/fact.ts';
import { toSpanId } from '../storage/find-known.ts';
import { type CheckpointRow, readCheckpointPage } from '../storage/read-checkpoint-page.ts';
import { type EntryRow, readEntryPage } from '../storage/read-entry-page.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import type { Fault } from './fault.ts';
import { LogSigners, type Signers } from './log-signers.ts';

/** A page of one log to check: all that can be said of its entries without those before. */
export type PageJob = {
  readonly log: {
    readonly logId: number;
    readonly tenant: string;
    readonly origin: string;
    readonly signers: Signers;
  };
  readonly from: number;
  readonly to: number;
  /** Every signature, also those that a link vouches for. */
  readonly thorough: boolean;
};

/** Goes between threads. */
export type PageResult = {
  /** Leaf hashes of the entries' bytes, one behind the other, up to the fault if there is one. */
  readonly leaves: Uint8Array;
  readonly trailers: Uint8Array;
  readonly commits: readonly CheckpointRow[];
  readonly fault: Fault | undefined;
  /** By subject and signer, the last span that is no verdict; a line each (`parseLastSpans`), for objects cost more than all else on their way between threads. */
  readonly last: string;
  /** Keys that the page's entries name as those of services and runners. */
  readonly notClients: readonly string[];
  /** SHA-256 over subject and header values of each fact message; the body is bound by the leaf hash among them. */
  readonly facts: Uint8Array;
  /** Signatures that were verified. */
  readonly verified: number;
};
export type LastSpan = {
  readonly subject: string;
  readonly kid: string;
  readonly index: number;
  readonly this: string;
};

export function parseLastSpans(text: string): LastSpan[] {
  if (text === '') return [];
  return text.split('\n').map((line) => {
    const [index = '', id = '', kid = '', ...subject] = line.split(' ');
    return { subject: subject.join(' '), kid, index: Number(index), this: id };
  });
}

/** Reads the page and checks it: hashes, ids, columns, fact messages, and the signatures that no link vouches for. @throws PostgresError */
export async function checkPage(sql: RawSql, job: PageJob): Promise<PageResult> {
  const { log, from, to } = job;
  const [rows, commits] = await Promise.all([
    readEntryPage(sql, log.logId, from, to),
    readCheckpointPage(sql, log.logId, from, to),
  ]);
  return new PageCheck(job, rows, commits).result();
}

/** The last that is written with four digits for the year. */
const LAST_INSTANT_MS = 253_402_300_799_999;

class PageCheck {
  readonly #job: PageJob;
  readonly #commits: readonly CheckpointRow[];
  readonly #signers: LogSigners;
  readonly #leaves: Buffer;
  readonly #trailers: Buffer;
  readonly #facts = createHash('sha256');
  readonly #last = new Map<string, string>();
  readonly #notClients: string[] = [];
  #count = 0;
  #commit = 0;
  #verified = 0;
  #fault: Fault | undefined;

  constructor(job: PageJob, rows: readonly EntryRow[], commits: readonly CheckpointRow[]) {
    this.#job = job;
    this.#commits = commits;
    this.#signers = new LogSigners(job.log.origin, job.log.signers);
    this.#leaves = Buffer.alloc(rows.length * 32);
    this.#trailers = Buffer.alloc(rows.length * TRAILER_BYTES);
    for (const row of rows) {
      this.#fault = this.#check(row);
      if (this.#fault !== undefined) return;
      this.#count++;
    }
    const next = job.from + this.#count;
    if (next < job.to) this.#fault = { index: next, column: 'entry.idx', why: 'the entry is missing' };
  }

  result(): PageResult {
    return {
      leaves: this.#leaves.subarray(0, this.#count * 32),
      trailers: this.#trailers.subarray(0, this.#count * TRAILER_BYTES),
      commits: this.#commits,
      fault: this.#fault,
      last: [...this.#last.values()].join('\n'),
      notClients: this.#notClients,
      facts: this.#facts.digest(),
      verified: this.#verified,
    };
  }

  #check(row: EntryRow): Fault | undefined {
    const index = this.#job.from + this.#count;
    const wrong = (column: string, why: string): Fault => ({ index, column: `entry.${column}`, why });
    const { uuid, hash, leaf, signature, trace, bytes, timeMs, verdictOf } = row;
    if (row.index !== index) return wrong('idx', 'the entry is missing');
    if (bytes === null) return wrong('bytes', 'there are none');
    if (trace === null) return wrong('trace', 'it is not 16 bytes');
    if (signature === null) return wrong('receipt_signature', 'it is not 64 bytes');
    if (timeMs < 0 || timeMs > LAST_INSTANT_MS) return wrong('ts_ms', 'it is no time');
    const ownLeaf = leafHash(bytes);
    const entry = parsed(bytes, this.#job.log.tenant);
    const isLeaf = leaf?.equals(ownLeaf) === true;
    if (entry instanceof LedgerError || hash === null || `blake3:${hash.toString('hex')}` !== entry.hash) {
      // hash and leaf are made of the same bytes: if both differ, it is the bytes that were changed
      return isLeaf
        ? wrong('hash', 'it is not that of the bytes')
        : wrong('bytes', 'they have neither the hash nor the leaf hash stored beside them');
    }
    if (!isLeaf) return wrong('leaf', 'it is not that of the bytes');
    if (uuid === null || entry.this !== toSpanId(formatUuid(uuid)))
      return wrong('this', 'the span has another id');
    if (verdictOf !== undefined && verdictOf !== index - 1)
      return wrong('verdict_of', 'a verdict stands right behind its cause');
    if (this.#job.thorough || this.#commitOf(index)?.link === undefined) {
      this.#verified++;
      if (!isSignedBy(this.#signers.at(timeMs), this.#job.log.origin, entry, index, timeMs, signature))
        return wrong('receipt_signature, entry.ts_ms', 'the receipt is not signed by the log');
    }
    this.#leaves.set(ownLeaf, this.#count * 32);
    writeTrailer({ timeMs, verdictOf, trace, signature }, this.#trailers, this.#count * TRAILER_BYTES);
    this.#learn(entry, index, verdictOf);
    return this.#project(entry, row, ownLeaf, signature, trace.toString('hex'));
  }

  /** The commit that the entry was part of; pages go up, and so does this. */
  #commitOf(index: number): CheckpointRow | undefined {
    while ((this.#commits[this.#commit]?.size ?? Infinity) <= index) this.#commit++;
    return this.#commits[this.#commit];
  }

  #learn(entry: Entry, index: number, verdictOf: number | undefined): void {
    const { intent, subject, payload, kid = '' } = entry;
    if (intent === TENANT_CREATED) {
      const services = Array.isArray(payload['services']) ? payload['services'] : [];
      this.#notClients.push(...services.flatMap((one) => kidIn(one)));
    } else if (verdictOf === undefined && !BY_THE_OPERATOR.has(intent)) {
      if (intent === 'registry.runner.add') this.#notClients.push(...kidIn(payload));
      this.#last.set(`${subject} ${kid}`, `${index} ${entry.this} ${kid} ${subject}`);
    }
  }

  /** The projector's input is made again, as the facts lane makes it. */
  #project(
    entry: Entry,
    row: EntryRow,
    leaf: Uint8Array,
    signature: Buffer,
    trace: string,
  ): Fault | undefined {
    const commit = this.#commitOf(row.index);
    try {
      const { subject, headers } = toMessage(
        {
          entry,
          index: row.index,
          bytes: entry.bytes,
          leaf,
          timeMs: row.timeMs,
          signature,
          trace,
          checkpoint: commit?.size === row.index + 1 ? commit.note : undefined,
        },
        this.#job.log,
      );
      this.#facts.update(`${[subject, ...headers().map(([, value]) => value)].join('\n')}\n`);
      return undefined;
    } catch (error) {
      return { index: row.index, column: 'entry.bytes', why: `it makes no fact: ${String(error)}` };
    }
  }
}

/** As a birth is: they move no head. */
const BY_THE_OPERATOR: ReadonlySet<string> = new Set([LOG_ROTATED, 'registry.log.adopted']);

function parsed(bytes: Buffer, tenant: string): Entry | LedgerError {
  try {
    return parseEntry(bytes, tenant);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

function kidIn(value: unknown): string[] {
  return typeof value === 'object' && value !== null && 'kid' in value && typeof value.kid === 'string'
    ? [value.kid]
    : [];
}

export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Whether one of the log's keys has signed the receipt of this entry. */
export function isSignedBy(
  vkeys: readonly Vkey[],
  log: string,
  { this: id, hash }: Pick<Entry, 'this' | 'hash'>,
  index: number,
  timeMs: number,
  signature: Uint8Array,
): boolean {
  const message = signedMessage('receipt', { ts: formatInstant(timeMs), hash, this: id, log, index });
  return vkeys.some(({ publicKey }) => isValidSignature(publicKey, message, signature));
}

/** Whether the note is one that the log has signed. */
export function isSignedNote(note: string, origin: string, vkeys: readonly Vkey[]): boolean {
  try {
    verifyCheckpoint(note, { origin, vkeys });
    return true;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
}
