import {
  fenceLease,
  inTransaction,
  Lease,
  LEASE_TABLE_SQL,
  query,
  type LeaseOptions,
  type Pool,
} from '@logline/postgres';
import { eventually, startWorld, type World } from '@logline/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let world: World;
let pool: Pool;
let leases: Lease[] = [];
let names = 0;
beforeAll(async () => {
  world = await startWorld({ name: 'lease' });
  pool = world.pool('orchestrator');
  await query(pool, LEASE_TABLE_SQL);
});
afterAll(() => world.close());
afterEach(async () => {
  await Promise.all(leases.map((lease) => lease.release()));
  leases = [];
});

const TTL_MS = 600;
const contender = (name: string, holder: string, more: Partial<LeaseOptions> = {}): Lease => {
  const lease = new Lease({ pool, name, holder, ttlMs: TTL_MS, onLost: () => undefined, ...more });
  leases.push(lease);
  return lease;
};
const freshName = (): string => `lease-${names++}`;
/** Somebody takes the row although it is held, as happens after a pause longer than the lease. */
const seize = (name: string): Promise<unknown> =>
  query(
    pool,
    `UPDATE lease SET epoch = epoch + 1, holder = 'thief', until = clock_timestamp() + interval '1 hour' WHERE name = $1`,
    [name],
  );

describe('acquire-lease', () => {
  it('has one winner among many that try at once', async () => {
    const name = freshName();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => contender(name, `p${n}`).acquire()),
    );
    expect(answers.filter((held) => held !== null)).toEqual([{ name, epoch: 1 }]);
  });
  it('lasts from when it was taken, however long the one before kept the row', async () => {
    const name = freshName();
    const lease = contender(name, 'b');
    // as a leader does that is paused in the middle of a transaction, until the database ends it
    await query(pool, `INSERT INTO lease VALUES ($1, 1, 'paused', clock_timestamp())`, [name]);
    let acquiring: Promise<unknown> = Promise.resolve();
    await inTransaction(pool, async (client) => {
      await query(client, 'SELECT FROM lease WHERE name = $1 FOR UPDATE', [name]);
      acquiring = lease.acquire();
      await eventually(async () => {
        const waiting = await query(
          pool,
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO lease%'`,
        );
        expect(waiting.length).toBe(1);
      });
      await query(client, `SELECT pg_sleep(${(TTL_MS * 0.9) / 1_000})`);
    });
    expect(await acquiring).toEqual({ name, epoch: 2 });
    expect(lease.isHeld()).toBe(true);
    const [left] = await query<{ ms: number }>(
      pool,
      `SELECT extract(epoch FROM until - clock_timestamp())::float8 * 1000 AS ms FROM lease WHERE name = $1`,
      [name],
    );
    expect(left?.ms).toBeGreaterThan(TTL_MS / 2);
  });
  it('is refused while it is held, and has a greater epoch each time it is taken', async () => {
    const name = freshName();
    const [a, b] = [contender(name, 'a'), contender(name, 'b')];
    expect(await a.acquire()).toEqual({ name, epoch: 1 });
    expect(await b.acquire()).toBeNull();
    await a.release();
    expect(a.isHeld()).toBe(false);
    expect(await b.acquire()).toEqual({ name, epoch: 2 });
  });
});

describe('renew-lease', () => {
  it('keeps it for longer than it lasts by itself', async () => {
    const name = freshName();
    const [a, b] = [contender(name, 'a'), contender(name, 'b')];
    await a.acquire();
    const untilOf = async (): Promise<number> =>
      (
        await query<{ ms: number }>(
          pool,
          'SELECT extract(epoch FROM until)::float8 * 1000 AS ms FROM lease WHERE name = $1',
          [name],
        )
      )[0]?.ms ?? 0;
    const first = await untilOf();
    await eventually(async () => expect(await untilOf()).toBeGreaterThan(first + TTL_MS));
    expect(await b.acquire()).toBeNull();
    expect(a.isHeld()).toBe(true);
  });
  it('tells the holder when somebody else has taken it', async () => {
    const name = freshName();
    const lost: string[] = [];
    const lease = contender(name, 'a', { onLost: (why) => void lost.push(why) });
    await lease.acquire();
    await seize(name);
    await eventually(() => expect(lost).toEqual(['taken']));
    expect(lease.isHeld()).toBe(false);
  });
  it('tells the holder when the database does not answer until it has run out, and not before', async () => {
    const name = freshName();
    const lost: string[] = [];
    const own = world.pool('orchestrator');
    const lease = contender(name, 'a', { pool: own, onLost: (why) => void lost.push(why) });
    await lease.acquire();
    const heldUntil = performance.now() + TTL_MS;
    await world.postgres.stop();
    await eventually(() => expect(lost).toEqual(['expired']));
    expect(performance.now()).toBeGreaterThan(heldUntil - TTL_MS / 3);
    await world.postgres.start();
    await eventually(() => query(pool, 'SELECT 1'));
  });
});

describe('release-lease', () => {
  it('lets the next one lead at once, without a word to the one that left', async () => {
    const name = freshName();
    const lost: string[] = [];
    const a = contender(name, 'a', { onLost: (why) => void lost.push(why) });
    await a.acquire();
    const waiting = contender(name, 'b').hold();
    const startedMs = performance.now();
    await a.release();
    await a.release();
    expect(await waiting).toMatchObject({ epoch: 2 });
    expect(performance.now() - startedMs).toBeLessThan(TTL_MS);
    expect(lost).toEqual([]);
  });
  it('does not take it from whoever has it now', async () => {
    const name = freshName();
    const a = contender(name, 'a');
    await a.acquire();
    await seize(name);
    await a.release();
    expect(await contender(name, 'c').acquire()).toBeNull();
  });
});

describe('fence-lease', () => {
  it('lets no write of an earlier epoch through, even of one that was paused and believes to lead', async () => {
    const name = freshName();
    await query(pool, 'CREATE TABLE IF NOT EXISTS written (epoch int)');
    const held = await contender(name, 'paused').acquire();
    await seize(name);
    const write = inTransaction(pool, async (client) => {
      await query(client, 'INSERT INTO written VALUES ($1)', [held?.epoch]);
      await fenceLease(client, name, held?.epoch ?? 0);
    });
    await expect(write).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await query(pool, 'SELECT * FROM written')).toEqual([]);
  });
  it('holds off whoever would take the lease until the write is committed', async () => {
    const name = freshName();
    const held = await contender(name, 'a').acquire();
    const order: string[] = [];
    let taking: Promise<unknown> = Promise.resolve();
    await inTransaction(pool, async (client) => {
      await fenceLease(client, name, held?.epoch ?? 0);
      taking = seize(name).then(() => order.push('taken'));
      await query(client, 'SELECT pg_sleep(0.2)');
      order.push('written');
    });
    await taking;
    expect(order).toEqual(['written', 'taken']);
  });
});

describe('hold', () => {
  it('waits until the holder is dead for as long as the lease lasts', async () => {
    const name = freshName();
    await query(
      pool,
      `INSERT INTO lease VALUES ($1, 41, 'dead', clock_timestamp() + interval '300 milliseconds')`,
      [name],
    );
    expect(await contender(name, 'next').hold()).toEqual({ name, epoch: 42 });
  });
  it('gives up when it is told to', async () => {
    const name = freshName();
    await contender(name, 'a').acquire();
    const abort = new AbortController();
    const waiting = contender(name, 'b').hold(abort.signal);
    abort.abort();
    expect(await waiting).toBeNull();
  });
});
