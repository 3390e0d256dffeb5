import type { World } from '@logline/testing';
import { eventually, TEST_ORIGIN } from '@logline/testing';
import { appendLeaves, emptyEdge, leafHash, rootOf, verifyCheckpoint, verifyReceipt } from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { expect } from 'vitest';
import { anchorStore } from '../src/anchor/anchor.store.ts';
import { loadTip } from '../src/storage/load-tip.ts';
import { onPool } from '../src/storage/on-pool.ts';
import { readFactsOf } from './facts-of.ts';
import type { FakeGate } from './fake-gate.ts';
import type { Held } from './traffic.ts';
import { vkeyOf } from './vkey-of.ts';

/**
 * What must hold after any fault: no gap, no duplicate, every checkpoint ever signed fits one history, every held receipt verifies and is
 * given again byte for byte, facts = log. How many receipts that were.
 */
export async function audit(
  world: World,
  gate: FakeGate,
  nc: NatsConnection,
  tenants: readonly string[],
  held: readonly Held[],
): Promise<number> {
  await expectAnchored(world, nc);
  let verified = 0;
  for (const tenant of tenants) {
    const pool = world.pool('ledger');
    const log = (
      await pool.query<{ log_id: number; size: string }>('SELECT log_id, size FROM log WHERE tenant = $1', [
        tenant,
      ])
    ).rows[0];
    const size = Number(log?.size);
    const entries = (
      await pool.query<{ idx: number; bytes: Buffer }>(
        'SELECT idx, bytes FROM entry WHERE log_id = $1 ORDER BY idx',
        [log?.log_id],
      )
    ).rows;
    expect(entries.map(({ idx }) => Number(idx))).toEqual(Array.from({ length: size }, (_, at) => at));
    const notes = (
      await pool.query<{ size: string; note: string }>(
        'SELECT size, note FROM checkpoint WHERE log_id = $1 ORDER BY size',
        [log?.log_id],
      )
    ).rows;
    await pool.end();

    const leaves = entries.map(({ bytes }) => leafHash(bytes));
    let edge = emptyEdge();
    for (const { note } of notes) {
      const checkpoint = verifyCheckpoint(note, {
        origin: `${TEST_ORIGIN}/${tenant}`,
        vkeys: [vkeyOf(tenant)],
      });
      edge = appendLeaves(edge, leaves.slice(Number(edge.size), Number(checkpoint.size)));
      expect(Buffer.compare(rootOf(edge), checkpoint.root)).toBe(0);
    }
    expect(Number(notes.at(-1)?.size)).toBe(size);

    const facts = await readFactsOf(nc, tenant, size);
    expect(facts.map(({ place }) => place.index)).toEqual(entries.map((_, at) => at));
    expect(
      facts.every(({ bytes }, at) => Buffer.compare(bytes, entries[at]?.bytes ?? Buffer.alloc(0)) === 0),
    ).toBe(true);

    const own = held.filter((one) => one.tenant === tenant);
    for (const { span, receipt } of own)
      verifyReceipt({ receipt, spanBytes: span.bytes, vkeys: [vkeyOf(tenant)] });
    for (let at = 0; at < own.length; at += 100) {
      const some = own.slice(at, at + 100);
      const again = await gate.submit(
        some.map(({ span }) => ({ cause: span })),
        { tenant },
      );
      expect(again.map((ack) => ack?.status === 'ok' && JSON.stringify(ack.receipt))).toEqual(
        some.map(({ receipt }) => JSON.stringify(receipt)),
      );
      verified += some.length;
    }
  }
  return verified;
}

/** Every partition that has committed is anchored at its last commit, in the epoch that leads it or one before. */
async function expectAnchored(world: World, nc: NatsConnection): Promise<void> {
  const pool = world.pool('ledger');
  const { rows } = await pool.query<{ partition: number }>('SELECT partition FROM partition');
  for (const { partition } of rows) {
    await eventually(async () => {
      const { tip, epoch } = await loadTip(onPool(pool), partition, `ledger-${partition}`);
      const { anchor } = await anchorStore(nc).read(partition);
      expect(anchor).toMatchObject({ position: tip.position, chain: Uint8Array.from(tip.chain) });
      expect(anchor?.epoch).toBeLessThanOrEqual(epoch);
    });
  }
  await pool.end();
}
