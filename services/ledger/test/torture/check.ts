import { blake3Hash, formatBase64, formatHex } from '@logline/canon-sign';
import { formatInstant } from '@logline/contracts';
import { lastFactOf } from '@logline/jetstream';
import { TEST_ORIGIN } from '@logline/testing';
import {
  appendLeaf,
  emptyEdge,
  formatEdge,
  leafHash,
  parseProof,
  rootOf,
  TILE_WIDTH,
  tileHash,
  verifyCheckpoint,
  verifyReceipt,
} from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { readFactsOf } from '../facts-of.ts';
import { vkeyOf } from '../vkey-of.ts';
import { type Claim, Violation } from './claims.ts';
import type { TortureWorld } from './torture-world.ts';

export type StoredEntry = {
  readonly idx: number;
  readonly verdict_of: number | null;
  readonly ts_ms: number;
  readonly this: string;
  readonly hash: Buffer;
  readonly leaf: Buffer;
  readonly receipt_signature: Buffer;
  readonly bytes: Buffer;
};
type StoredLog = {
  readonly log_id: number;
  readonly size: number;
  readonly ts_ms: number;
  readonly root: Buffer;
  readonly edge: Buffer;
};
type StoredNote = { readonly size: number; readonly note: string };

export type CheckOptions = {
  /** A "not committed" may be taken back when the clock that said so was set back. */
  readonly isClockSteady: boolean;
};

/**
 * Everything that must hold of one tenant when all is quiet again: no fork, no gap, no duplicate, no invalid receipt, every promise kept, nothing that
 * nobody asked for, facts = log. How many entries it has. @throws Violation
 */
export async function checkTenant(
  { ask, nc }: TortureWorld,
  tenant: string,
  claims: readonly Claim[],
  options: CheckOptions,
): Promise<number> {
  const [log] = await ask<StoredLog>('SELECT log_id, size, ts_ms, root, edge FROM log WHERE tenant = $1', [
    tenant,
  ]);
  if (log === undefined) {
    if (claims.some(({ receipt }) => receipt !== undefined))
      throw new Violation(`${tenant}: has receipts and no log`);
    return 0;
  }
  const entries = await ask<StoredEntry>(
    `SELECT idx, verdict_of, ts_ms, this::text AS this, hash, leaf, receipt_signature, bytes FROM entry WHERE log_id = $1 ORDER BY idx`,
    [log.log_id],
  );
  checkEntries(tenant, log, entries);
  const notes = await ask<StoredNote>('SELECT size, note FROM checkpoint WHERE log_id = $1 ORDER BY size', [
    log.log_id,
  ]);
  checkTree(tenant, log, entries, notes);
  await checkTiles({ ask }, tenant, log, entries);
  await checkHeads({ ask }, tenant, log, entries, claims);
  checkClaims(tenant, entries, notes, claims, options);
  await checkFacts(nc, tenant, entries, notes);
  return entries.length;
}

function must(holds: boolean, tenant: string, what: string): void {
  if (!holds) throw new Violation(`${tenant}: ${what}`);
}

function checkEntries(tenant: string, log: StoredLog, entries: readonly StoredEntry[]): void {
  must(entries.length === log.size, tenant, `has size ${log.size} and ${entries.length} entries`);
  must(new Set(entries.map((entry) => entry.this)).size === entries.length, tenant, 'has a span twice');
  let timeMs = 0;
  entries.forEach((entry, at) => {
    must(entry.idx === at, tenant, `has a gap: entry ${entry.idx} stands at ${at}`);
    must(entry.ts_ms >= timeMs, tenant, `log time goes backwards at ${at}`);
    timeMs = entry.ts_ms;
    must(`blake3:${entry.hash.toString('hex')}` === blake3Hash(entry.bytes), tenant, `wrong hash at ${at}`);
    must(entry.leaf.equals(leafHash(entry.bytes)), tenant, `wrong leaf at ${at}`);
    must(
      entry.verdict_of === null || entry.verdict_of === at - 1,
      tenant,
      `a verdict away from its cause at ${at}`,
    );
  });
  must(log.ts_ms === timeMs, tenant, `has log time ${log.ts_ms} and its last entry ${timeMs}`);
}

function checkTree(
  tenant: string,
  log: StoredLog,
  entries: readonly StoredEntry[],
  notes: readonly StoredNote[],
): void {
  const byEnd = new Map(notes.map(({ size, note }) => [size, note]));
  let edge = emptyEdge();
  for (const { leaf } of entries) {
    edge = appendLeaf(edge, leaf);
    const note = byEnd.get(Number(edge.size));
    if (note === undefined) continue;
    byEnd.delete(Number(edge.size));
    const checkpoint = verifyCheckpoint(note, {
      origin: `${TEST_ORIGIN}/${tenant}`,
      vkeys: [vkeyOf(tenant)],
    });
    must(checkpoint.size === edge.size, tenant, `the checkpoint of ${edge.size} says ${checkpoint.size}`);
    must(Buffer.compare(checkpoint.root, rootOf(edge)) === 0, tenant, `the checkpoint of ${edge.size} forks`);
  }
  must(byEnd.size === 0, tenant, `signed checkpoints of sizes it never had: ${[...byEnd.keys()].join(', ')}`);
  must(notes.at(-1)?.size === log.size, tenant, 'its last entries are under no checkpoint');
  must(log.root.equals(rootOf(edge)), tenant, 'its root is not that of its entries');
  must(log.edge.equals(formatEdge(edge)), tenant, 'its edge is not that of its entries');
}

async function checkTiles(
  { ask }: Pick<TortureWorld, 'ask'>,
  tenant: string,
  log: StoredLog,
  entries: readonly StoredEntry[],
): Promise<void> {
  const tiles = await ask<{ level: number; n: number; hash: Buffer; hashes: Buffer }>(
    'SELECT level, n, hash, hashes FROM tile WHERE log_id = $1 ORDER BY level, n',
    [log.log_id],
  );
  must(
    tiles.length === Math.floor(log.size / TILE_WIDTH),
    tenant,
    `has ${tiles.length} full tiles of ${log.size}`,
  );
  tiles.forEach(({ level, n, hash, hashes }, at) => {
    const leaves = entries.slice(at * TILE_WIDTH, (at + 1) * TILE_WIDTH).map(({ leaf }) => leaf);
    must(level === 0 && n === at && hashes.equals(Buffer.concat(leaves)), tenant, `wrong tile ${level}/${n}`);
    must(hash.equals(tileHash(hashes)), tenant, `wrong hash of tile ${level}/${n}`);
  });
}

async function checkHeads(
  { ask }: Pick<TortureWorld, 'ask'>,
  tenant: string,
  log: StoredLog,
  entries: readonly StoredEntry[],
  claims: readonly Claim[],
): Promise<void> {
  const byHash = claimsByHash(claims);
  const wanted = new Map<string, string>();
  for (const entry of entries) {
    const claim = byHash.get(blake3Hash(entry.bytes));
    if (claim === undefined || (claim.judged.role ?? 'client') !== 'client') continue;
    wanted.set(claim.judged.cause.span.subject, entry.this);
  }
  const heads = await ask<{ subject: string; this: string }>(
    'SELECT subject, this::text AS this FROM head WHERE log_id = $1',
    [log.log_id],
  );
  const found = new Map(heads.map((head) => [head.subject, head.this]));
  for (const [subject, id] of wanted)
    must(found.get(subject) === id, tenant, `the head of ${subject} is not its last span`);
  must(found.size === wanted.size, tenant, 'has heads of subjects without spans');
}

function claimsByHash(claims: readonly Claim[]): ReadonlyMap<string, Claim> {
  return new Map(claims.map((claim) => [blake3Hash(claim.judged.cause.bytes), claim]));
}

function checkClaims(
  tenant: string,
  entries: readonly StoredEntry[],
  notes: readonly StoredNote[],
  claims: readonly Claim[],
  { isClockSteady }: CheckOptions,
): void {
  const places = new Map(entries.map((entry) => [blake3Hash(entry.bytes), entry]));
  const unclaimed = new Set(places.keys());
  for (const claim of claims) {
    const { cause, verdict } = claim.judged;
    const hash = blake3Hash(cause.bytes);
    const place = places.get(hash);
    unclaimed.delete(hash);
    if (verdict !== undefined) {
      const verdictHash = blake3Hash(verdict.bytes);
      unclaimed.delete(verdictHash);
      must(
        places.get(verdictHash)?.verdict_of === place?.idx,
        tenant,
        `${cause.span.this}: parted from its verdict`,
      );
    }
    if (claim.receipt !== undefined) checkReceipt(tenant, claim, place, notes);
    else if (claim.noes >= claim.attempts && (isClockSteady || claim.isRefused))
      must(place === undefined, tenant, `${cause.span.this}: was told no and is in the log at ${place?.idx}`);
    for (const shown of claim.shown) {
      const other = entries[shown.index];
      must(
        other !== undefined && shown.hash === blake3Hash(other.bytes),
        tenant,
        `${cause.span.this}: was shown a receipt of nothing`,
      );
      if (other !== undefined)
        verifyReceipt({ receipt: shown, spanBytes: other.bytes, vkeys: [vkeyOf(tenant)] });
    }
  }
  must(unclaimed.size === 0, tenant, `has ${unclaimed.size} entries that nobody sent`);
}

function checkReceipt(
  tenant: string,
  { receipt, judged: { cause } }: Claim,
  place: StoredEntry | undefined,
  notes: readonly StoredNote[],
): void {
  if (receipt === undefined) return;
  const about = `the receipt of ${cause.span.this}`;
  if (place === undefined)
    throw new Violation(`${tenant}: ${about} is for an entry ${receipt.index} that is not in the log`);
  must(receipt.index === place.idx, tenant, `${about} says ${receipt.index}, the log ${place.idx}`);
  must(receipt.ts === formatInstant(place.ts_ms), tenant, `${about} has another time than the log`);
  must(
    receipt.signature === formatBase64(place.receipt_signature),
    tenant,
    `${about} has another signature than the log`,
  );
  verifyReceipt({ receipt, spanBytes: cause.bytes, vkeys: [vkeyOf(tenant)] });
  const { checkpoint } = parseProof(receipt.merkle);
  const covering = notes.find(({ size }) => size > receipt.index);
  must(covering?.note === checkpoint, tenant, `${about} rests on a checkpoint that the log does not have`);
}

/** A lane waits 10 s for an answer that was lost, and once more when it is lost again. */
const FACTS_WITHIN_MS = 30_000;

async function checkFacts(
  nc: NatsConnection,
  tenant: string,
  entries: readonly StoredEntry[],
  notes: readonly StoredNote[],
): Promise<void> {
  const facts = await readFactsOf(nc, tenant, entries.length, { withinMs: FACTS_WITHIN_MS });
  const byEnd = new Map(notes.map(({ size, note }) => [size, note]));
  must(
    facts.length === entries.length,
    tenant,
    `has ${entries.length} entries and ${facts.length} facts: ${facts.map(({ place }) => place.index).join(' ')}`,
  );
  facts.forEach(({ place, bytes }, at) => {
    const entry = entries[at];
    must(place.index === at, tenant, `fact ${place.index} stands at ${at} in the stream`);
    must(entry !== undefined && entry.bytes.equals(bytes), tenant, `fact ${at} has other bytes than the log`);
    must(
      entry !== undefined &&
        place.timeMs === entry.ts_ms &&
        place.leaf === formatHex(entry.leaf) &&
        place.receiptSignature === formatBase64(entry.receipt_signature) &&
        place.log === `${TEST_ORIGIN}/${tenant}`,
      tenant,
      `fact ${at} says other things about its place than the log`,
    );
    must(place.checkpoint === byEnd.get(at + 1), tenant, `fact ${at} has another checkpoint than the log`);
  });
  must(
    (await lastFactOf(nc, tenant))?.index === entries.length - 1,
    tenant,
    'the last fact is not the last entry',
  );
}
