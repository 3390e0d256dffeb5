import { parseCheckpoint, parseNote, TlogError } from '@logline/tlog';
import { createHash } from 'node:crypto';
import { chainDigest, type CommitLink, MARK_BYTES, marksOf, TRAILER_BYTES } from '../domain/commit-chain.ts';
import { namedKeys } from '../domain/log-keys.ts';
import { loadKeyEntries } from '../storage/load-key-entries.ts';
import type { StoredLog } from '../storage/load-logs.ts';
import type { CheckpointRow } from '../storage/read-checkpoint-page.ts';
import { readStoredTiles } from '../storage/read-stored-tiles.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import { isSignedNote, type LastSpan, type PageJob, type PageResult, parseLastSpans } from './check-page.ts';
import { checkStanding } from './check-standing.ts';
import { diagnoseLink, findUnsigned, firstDifference, isSignedLink } from './diagnose-commit.ts';
import { type Fault, FaultFound } from './fault.ts';
import { LogSigners, type Signers } from './log-signers.ts';
import { type FoldedTile, TreeFold } from './tree-fold.ts';

/** Entries a page: some 700 KiB, and never more than 64 MiB. */
export const PAGE_ENTRIES = 1_024;
/** Pages that are read ahead of the fold. */
const PAGES_AHEAD = 6;

export type LogCheckParts = {
  readonly sql: RawSql;
  /** Wherever it is done; any number at once. */
  readonly checkPage: (job: PageJob) => Promise<PageResult>;
  /** Of the keys that are trusted: the last checkpoint is signed by one of them. */
  readonly vkeys: readonly string[];
  readonly thorough: boolean;
  /** Called as it goes, with the number of entries checked since the last time. */
  readonly progress: (entries: number) => void;
};

export type LogReport = {
  readonly tenant: string;
  readonly size: number;
  readonly commits: number;
  /** SHA-256 over the projector's input, so that two databases are compared at a glance. */
  readonly facts: string;
  /** Signatures that were verified; a link's stands for all before it. */
  readonly verified: number;
  readonly fault: Fault | undefined;
};

/** Everything that is stored of one log, rebuilt from its entries; ends at the first fault. @throws PostgresError */
export async function checkLog(log: StoredLog, parts: LogCheckParts): Promise<LogReport> {
  const entries = await loadKeyEntries(parts.sql, log);
  const named = namedKeys(entries.map(({ entry }) => entry));
  const check = new LogCheck(log, parts, { trusted: parts.vkeys, named });
  let fault: Fault | undefined;
  try {
    await check.run();
  } catch (error) {
    if (!(error instanceof FaultFound)) throw error;
    fault = error.fault;
  }
  return { tenant: log.tenant, size: log.size, ...check.figures(), fault };
}

class LogCheck {
  readonly #log: StoredLog;
  readonly #parts: LogCheckParts;
  readonly #keys: Signers;
  readonly #signers: LogSigners;
  readonly #tree = new TreeFold();
  readonly #facts = createHash('sha256');
  readonly #last = new Map<string, LastSpan>();
  readonly #notClients = new Set<string>();
  /** Of the commit that is not complete yet. */
  #trailers: Buffer[] = [];
  #before: CheckpointRow | undefined;
  #timeMs = 0;
  #commits = 0;
  #verified = 0;

  constructor(log: StoredLog, parts: LogCheckParts, keys: Signers) {
    this.#log = log;
    this.#parts = parts;
    this.#keys = keys;
    this.#signers = new LogSigners(log.origin, keys);
  }

  figures(): Pick<LogReport, 'commits' | 'facts' | 'verified'> {
    return { commits: this.#commits, facts: this.#facts.copy().digest('hex'), verified: this.#verified };
  }

  async run(): Promise<void> {
    const { size } = this.#log;
    const ahead: Promise<PageResult>[] = [];
    let asked = 0;
    for (let from = 0; from < size; from += PAGE_ENTRIES) {
      for (; asked < size && ahead.length < PAGES_AHEAD; asked += PAGE_ENTRIES) {
        const page = this.#ask(asked, Math.min(size, asked + PAGE_ENTRIES));
        page.catch(() => undefined); // heard of when its turn comes
        ahead.push(page);
      }
      const page = await ahead.shift();
      if (page !== undefined) await this.#fold(page, from);
    }
    await this.#checkEnd();
  }

  #ask(from: number, to: number): Promise<PageResult> {
    const { logId, tenant, origin } = this.#log;
    const log = { logId, tenant, origin, signers: this.#keys };
    return this.#parts.checkPage({ log, from, to, thorough: this.#parts.thorough });
  }

  async #fold(page: PageResult, from: number): Promise<void> {
    const leaves = Buffer.from(page.leaves.buffer, page.leaves.byteOffset, page.leaves.byteLength);
    const trailers = Buffer.from(page.trailers.buffer, page.trailers.byteOffset, page.trailers.byteLength);
    const end = from + leaves.length / 32;
    const tiles: FoldedTile[] = [];
    let at = from;
    for (const commit of page.commits) {
      if (commit.size > end) break;
      this.#addLeaves(leaves.subarray((at - from) * 32, (commit.size - from) * 32), tiles);
      this.#trailers.push(
        trailers.subarray((at - from) * TRAILER_BYTES, (commit.size - from) * TRAILER_BYTES),
      );
      at = commit.size;
      await this.#checkCommit(commit);
    }
    this.#addLeaves(leaves.subarray((at - from) * 32), tiles);
    this.#trailers.push(trailers.subarray((at - from) * TRAILER_BYTES));
    await this.#checkTiles(tiles);
    this.#verified += page.verified;
    this.#facts.update(page.facts);
    for (const one of parseLastSpans(page.last)) this.#last.set(`${one.subject} ${one.kid}`, one);
    for (const kid of page.notClients) this.#notClients.add(kid);
    if (page.fault !== undefined) throw new FaultFound(page.fault);
    this.#parts.progress(end - from);
  }

  #addLeaves(leaves: Buffer, tiles: FoldedTile[]): void {
    for (let at = 0; at < leaves.length; at += 32)
      tiles.push(...this.#tree.add(leaves.subarray(at, at + 32)));
  }

  async #checkCommit(commit: CheckpointRow): Promise<void> {
    const { origin } = this.#log;
    const first = this.#before?.size ?? 0;
    const trailers =
      this.#trailers.length === 1 ? (this.#trailers[0] ?? NONE) : Buffer.concat(this.#trailers);
    this.#trailers = [];
    this.#commits++;
    const suspect = {
      log: this.#log,
      vkeys: this.#signers.all,
      first,
      commit,
      trailers,
      before: linkOf(this.#before),
    };
    const stated = statedBy(commit.note);
    if (stated?.origin !== origin || stated.size !== commit.size) {
      const isNote = !isSignedNote(commit.note, origin, this.#signers.all);
      this.#refuse(commit, isNote ? 'note' : 'size', `it is the checkpoint of another log or size`);
    }
    const { link } = commit;
    if (link !== undefined) {
      const chain = chainDigest(suspect.before, commit.note, trailers);
      if (Buffer.compare(link.chain, chain) !== 0)
        throw new FaultFound(await diagnoseLink(this.#parts.sql, suspect, chain));
      const marked = firstDifference(marksOf(trailers), link.marks, MARK_BYTES);
      if (marked !== undefined)
        throw new FaultFound({
          index: first + marked,
          column: 'checkpoint.marks',
          why: 'they are not those of the commit',
        });
    } else if (this.#before?.link !== undefined) {
      this.#refuse(commit, 'chain', 'the commit before it has a link, and it has none');
    }
    if (link === undefined || this.#parts.thorough) {
      this.#verified++;
      if (!isSignedNote(commit.note, origin, this.#signers.at(timeOf(trailers))))
        this.#refuse(commit, 'note', 'it is not signed by the log');
    }
    if (this.#parts.thorough) this.#checkLinkSignature(commit, timeOf(trailers));
    this.#checkTimes(trailers, first);
    if (Buffer.compare(stated.root, this.#tree.root()) !== 0) {
      const unsigned = await findUnsigned(this.#parts.sql, suspect);
      throw new FaultFound(
        unsigned ?? {
          index: first,
          column: 'entry',
          why: `entries ${first} to ${commit.size - 1} do not lead to the root that was signed`,
        },
      );
    }
    this.#before = commit;
  }

  /** All entries of a commit have one log time, and none is before the commit before. */
  #checkTimes(trailers: Buffer, first: number): void {
    const timeMs = timeOf(trailers);
    for (let at = 0, index = first; at < trailers.length; at += TRAILER_BYTES, index++) {
      if (Number(trailers.readBigUInt64BE(at)) === timeMs) continue;
      throw new FaultFound({
        index,
        column: 'entry.ts_ms',
        why: 'it has another log time than the commit it is of',
      });
    }
    if (timeMs < this.#timeMs)
      throw new FaultFound({ index: first, column: 'entry.ts_ms', why: 'log time goes backwards' });
    this.#timeMs = timeMs;
  }

  #checkLinkSignature(commit: CheckpointRow, timeMs: number): void {
    if (commit.link === undefined) return;
    this.#verified++;
    if (!isSignedLink(this.#log.origin, commit.size, commit.link, this.#signers.at(timeMs)))
      this.#refuse(commit, 'chain_signature', 'it is not that of the link');
  }

  async #checkTiles(tiles: readonly FoldedTile[]): Promise<void> {
    if (tiles.length === 0) return;
    const stored = await readStoredTiles(this.#parts.sql, this.#log.logId, tiles);
    for (const { level, n, hash, hashes } of tiles) {
      const row = stored.find((one) => one.level === level && one.n === n);
      const refuse = (nth: number, column: string, why: string): never => {
        throw new FaultFound({
          index: (n * 256 + nth) * 256 ** level,
          column: `tile.${column}`,
          why: `tile ${n} of level ${level} ${why}`,
        });
      };
      if (row === undefined) return refuse(0, 'hashes', 'is missing');
      const nth = firstDifference(hashes, row.hashes, 32);
      if (nth !== undefined) refuse(nth, 'hashes', 'is not that of the entries');
      if (Buffer.compare(hash, row.hash) !== 0) refuse(0, 'hash', 'has another hash');
    }
  }

  async #checkEnd(): Promise<void> {
    const { size, root, edge, timeMs } = this.#log;
    const last = this.#before;
    const refuse = (index: number, column: string, why: string): never => {
      throw new FaultFound({ index, column, why });
    };
    if (last?.size !== size)
      refuse(last?.size ?? 0, 'checkpoint.size', `no checkpoint is of the log's ${size} entries`);
    if (last !== undefined) {
      this.#verified++;
      // by a trusted one: what the log says of its own keys counts by this alone
      if (!isSignedNote(last.note, this.#log.origin, this.#signers.trusted))
        this.#refuse(last, 'note', NOT_TRUSTED);
      if (!this.#parts.thorough) this.#checkLinkSignature(last, this.#timeMs);
    }
    if (Buffer.compare(root, this.#tree.root()) !== 0)
      refuse(size - 1, 'log.root', 'it is not that of the entries');
    if (Buffer.compare(edge, this.#tree.edge()) !== 0)
      refuse(size - 1, 'log.edge', 'it is not that of the entries');
    if (timeMs !== this.#timeMs) refuse(size - 1, 'log.ts_ms', 'it is not that of the last entry');
    await checkStanding(this.#parts.sql, this.#log, {
      spans: this.#last.values(),
      notClients: this.#notClients,
    });
  }

  #refuse(commit: CheckpointRow, column: string, why: string): never {
    throw new FaultFound({ index: commit.size - 1, column: `checkpoint.${column}`, why });
  }
}
const NONE = Buffer.alloc(0);
const NOT_TRUSTED =
  'it is signed by no key that the ledger holds; if the log was never led away from one that is gone, --earlier-key with its public key';

/** Log time of the first entry, and so of the commit; 0 where there is none. */
function timeOf(trailers: Buffer): number {
  return trailers.length === 0 ? 0 : Number(trailers.readBigUInt64BE(0));
}

function linkOf(commit: CheckpointRow | undefined): CommitLink | undefined {
  return commit?.link;
}

function statedBy(note: string): { origin: string; size: number; root: Uint8Array } | undefined {
  try {
    const { origin, size, root } = parseCheckpoint(parseNote(note).text);
    return { origin, size: Number(size), root };
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
