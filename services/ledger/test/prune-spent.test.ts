import type { Pool } from '@logline/postgres';
import { startWorld, type World } from '@logline/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { migrateLedger } from '../src/migrations/migrate-ledger.ts';
import { insertIdempotency, type Spending } from '../src/storage/insert-idempotency.ts';
import { insertNonces } from '../src/storage/insert-nonces.ts';
import { onPool } from '../src/storage/on-pool.ts';
import {
  KEEP_IDEMPOTENCY_MS,
  KEEP_NONCES_MS,
  MOST_APART_MS,
  pruneSpent,
} from '../src/storage/prune-spent.ts';

const MINUTE_MS = 60_000;

let world: World;
let pool: Pool;
/** By the database's clock, which is that of this machine. */
let nowMs: number;

beforeAll(async () => {
  world = await startWorld({ name: 'ledger-prune-spent' });
  pool = world.pool('ledger');
  await migrateLedger({
    ownerUrl: world.postgresUrl('ledger_owner'),
    serviceUrl: world.postgresUrl('ledger'),
  });
});
afterAll(async () => await world?.close());

beforeEach(async () => {
  await pool.query('DELETE FROM idempotency');
  await pool.query('DELETE FROM nonce');
  nowMs = Date.now();
  // of each as old as it is kept: two minutes less, two minutes more, and ten more
  for (const [name, olderMs] of [
    ['young', -2 * MINUTE_MS],
    ['old', 2 * MINUTE_MS],
    ['older', 10 * MINUTE_MS],
  ] as const) {
    const spent: Spending[] = [{ logId: 1, owner: 'o', name, digest: new Uint8Array(32), index: 1 }];
    await insertIdempotency(onPool(pool), nowMs - KEEP_IDEMPOTENCY_MS - olderMs, spent);
    await insertNonces(onPool(pool), nowMs - KEEP_NONCES_MS - olderMs, spent);
  }
});

async function kept(): Promise<readonly string[]> {
  const { rows } = await pool.query<{ name: string }>(
    'SELECT key AS name FROM idempotency UNION ALL SELECT nonce FROM nonce ORDER BY name',
  );
  return rows.map(({ name }) => name);
}

it('forgets what is older than it is kept', async () => {
  expect(await pruneSpent(onPool(pool), nowMs)).toBe(4);
  expect(await kept()).toEqual(['young', 'young']);
});

it('does not go by a clock that is ahead of the database’s', async () => {
  await pruneSpent(onPool(pool), nowMs + 4 * MINUTE_MS);
  expect(await kept()).toEqual(['young', 'young']);
});

it('nor by the database’s where that one is ahead', async () => {
  await pruneSpent(onPool(pool), nowMs - 4 * MINUTE_MS);
  expect(await kept()).toEqual(['old', 'old', 'young', 'young']);
});

it.each([
  ['days ahead', 3 * 24 * 3_600_000],
  ['years behind', -3 * 365 * 24 * 3_600_000],
  ['a minute more ahead than it may be', MOST_APART_MS + MINUTE_MS],
  ['no time at all', Number.NaN],
])('forgets nothing at all by a clock that is %s', async (_, aheadMs) => {
  await expect(pruneSpent(onPool(pool), nowMs + aheadMs)).rejects.toMatchObject({ code: 'CLOCKS_APART' });
  expect(await kept()).toHaveLength(6);
});
