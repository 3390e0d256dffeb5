import { setTimeout as wait } from 'node:timers/promises';
import { CONSUMERS } from '@logline/contracts';
import { JetStreamError } from '@logline/jetstream';
import { inTransaction, type Pool } from '@logline/postgres';
import type { AnchorStore } from '../anchor/anchor.store.ts';
import { type Anchor, isSame, nextTip, type Tip } from '../domain/anchor.ts';
import { LedgerError } from '../errors.ts';
import { advancePartition } from '../storage/advance-partition.ts';
import type { Sql } from '../storage/append-connection.ts';
import { findPartitions } from '../storage/find-partitions.ts';
import { lockPartitions } from '../storage/lock-partitions.ts';
import { moveLog } from '../storage/move-log.ts';
import { onPool } from '../storage/on-pool.ts';
import { seizeLease } from '../storage/seize-lease.ts';

export type MoveParts = {
  readonly pool: Pool;
  readonly store: AnchorStore;
  /** Log index of the tenant's last fact that is in the stream, or was and has aged; −1 for none. Never stale. */
  readonly lastPublished: (tenant: string) => Promise<number>;
  /** Gives up after this long without a moment in which everything had gone out; 60 s. */
  readonly withinMs?: number;
};
export type Moved = { readonly from: number; readonly to: number; readonly size: number };

/** How long both partitions stand still at most while one is waited for. */
const HOLD_MS = 1_000;
const PAUSE_MS = 100;

/**
 * Puts a tenant's log into another partition, while both go on. In one transaction that keeps both from committing: all its facts are out, both anchors stand, the log's
 * row changes hands, and both partitions count the move as a commit. So whoever still remembers the log fails at its next COMMIT and passes the tenant on, and
 * the new leader's first fact of it comes behind the last of the old one's.
 * @throws LedgerError `LOG_MOVED` when there is no such log; `BEHIND_ANCHOR` when an anchor does not stand, or the facts do not go out in time
 */
export async function moveTenant(tenant: string, to: number, parts: MoveParts): Promise<Moved> {
  const { pool, withinMs = 60_000 } = parts;
  const giveUpAtMs = performance.now() + withinMs;
  for (;;) {
    const from = (await findPartitions(onPool(pool), [tenant])).get(tenant);
    if (from === undefined) throw new LedgerError('LOG_MOVED', `there is no log of ${tenant}`);
    if (from === to) return { from, to, size: 0 };
    try {
      const { tips, size } = await changeHands(tenant, from, to, parts);
      for (const partition of [from, to]) await anchor(partition, tips.get(partition), parts);
      return { from, to, size };
    } catch (error) {
      const isTooSoon =
        error instanceof NotYet || (error instanceof LedgerError && error.code === 'LOG_MOVED');
      if (!isTooSoon) throw error;
      if (error instanceof NotYet && error.unanchored !== undefined)
        await anchor(error.unanchored.partition, error.unanchored.tip, parts);
      if (performance.now() > giveUpAtMs)
        throw new LedgerError('BEHIND_ANCHOR', `${tenant} stays where it is: ${error.message}`);
      await wait(PAUSE_MS);
    }
  }
}

/** Not the moment for it; nothing has changed. */
class NotYet extends Error {
  /**
   * A partition whose last commit nobody has anchored in all that time: a mover died behind its COMMIT, and a leader without traffic has no reason to look.
   * It may be anchored here, as that mover would have done.
   */
  readonly unanchored: Unanchored | undefined;

  constructor(message: string, unanchored?: Unanchored) {
    super(message);
    this.unanchored = unanchored;
  }
}
type Unanchored = { readonly partition: number; readonly tip: Tip };

type Change = { readonly tips: ReadonlyMap<number, Tip>; readonly size: number };

async function changeHands(tenant: string, from: number, to: number, parts: MoveParts): Promise<Change> {
  return await inTransaction(parts.pool, async (client) => {
    const sql = onPool(client);
    const before = await lockPartitions(sql, [from, to]);
    const size = await moveLog(sql, tenant, from, to);
    if (size === undefined) throw new NotYet('it has just been moved by somebody else');
    await untilSettled(tenant, size, before, parts);
    return { tips: await countMove(sql, before, `move ${tenant} ${from} ${to}\n`), size };
  });
}

/** What was committed before is anchored and published: leaders finish that without the rows that are locked here. */
async function untilSettled(
  tenant: string,
  size: number,
  tips: ReadonlyMap<number, Tip>,
  { store, lastPublished }: MoveParts,
): Promise<void> {
  const endMs = performance.now() + HOLD_MS;
  for (;;) {
    const unsettled = await whatIsMissing();
    if (unsettled === undefined) return;
    if (performance.now() > endMs) throw unsettled;
    await wait(10);
  }

  async function whatIsMissing(): Promise<NotYet | undefined> {
    for (const [partition, tip] of tips) {
      const { anchor: found } = await store.read(partition);
      const stands = found === undefined ? tip.position === 0 : isSame(found.chain, tip.chain);
      if (stands) continue;
      const isOneAhead = found === undefined ? tip.position === 1 : isSame(found.chain, tip.previous);
      return new NotYet(
        `the anchor of partition ${partition} does not stand at its last commit`,
        isOneAhead ? { partition, tip } : undefined,
      );
    }
    const published = await lastPublished(tenant);
    if (published === size - 1) return undefined;
    return new NotYet(`its facts are published up to ${published} of ${size - 1}`);
  }
}

async function countMove(
  sql: Sql,
  before: ReadonlyMap<number, Tip>,
  note: string,
): Promise<ReadonlyMap<number, Tip>> {
  const after = new Map<number, Tip>();
  for (const [partition, tip] of before) {
    const next = nextTip(tip, [note]);
    await advancePartition(sql, partition, next);
    after.set(partition, next);
  }
  return after;
}

/** As far as its leader has not done so already: it finds itself one commit behind the database, and sets it. */
async function anchor(partition: number, tip: Tip | undefined, parts: MoveParts): Promise<void> {
  const { store } = parts;
  const { anchor: last, sequence } = await store.read(partition);
  if (tip === undefined || (last !== undefined && !isSame(last.chain, tip.previous))) return;
  const { position, chain } = tip;
  const epoch = last?.epoch ?? (await firstEpoch(partition, parts));
  const next: Anchor = { partition, position, chain, epoch, at: new Date().toISOString() };
  await store.set(next, sequence).catch((error: unknown) => {
    if (!(error instanceof JetStreamError) || error.code !== 'CONFLICT') throw error;
  });
}

/** Of a partition that has never committed: above whoever leads it, who begins anew and finds its anchor there. */
async function firstEpoch(partition: number, { pool }: MoveParts): Promise<number> {
  return await seizeLease(onPool(pool), CONSUMERS.ledger(partition), { above: 0, holder: 'move', ttlMs: 0 });
}
