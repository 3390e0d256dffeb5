import type { Ack, AckReply, AcceptEnvelope } from '@logline/contracts';
import { MAX_ENVELOPE_SPANS, parseAcceptEnvelope } from '@logline/contracts';
import type { Pool } from '@logline/postgres';
import { startWorld, tenantCreatedSpan, TEST_ORIGIN, testKey, type World } from '@logline/testing';
import { formatVkey } from '@logline/tlog';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AnchorKeeper } from '../src/anchor/anchor-keeper.ts';
import { anchorStore } from '../src/anchor/anchor.store.ts';
import { AppendService } from '../src/append/append.service.ts';
import { Memory } from '../src/append/memory.ts';
import { takeTurn, type TurnContext, type TurnResult } from '../src/append/turn.ts';
import { toRequests } from '../src/domain/batch.ts';
import { migrateLedger } from '../src/migrations/migrate-ledger.ts';
import type { BatchRequest } from '../src/domain/batch.ts';
import { fromStored } from '../src/publish/fact.ts';
import { FactsLane } from '../src/publish/facts-lane.ts';
import { AppendConnection } from '../src/storage/append-connection.ts';
import { loadTip } from '../src/storage/load-tip.ts';
import { LOCK_LEASE } from '../src/storage/lock-lease.ts';
import { onPool } from '../src/storage/on-pool.ts';
import { readFacts } from '../src/storage/read-facts.ts';
import { formatRequests, type Judged, type Wishes } from './fake-gate.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { stopSpanOf } from './traffic.ts';

let world: World;
let pool: Pool;
let count = 0;
/** A fresh tenant for each test. */
let tenant: string;
const connections: AppendConnection[] = [];
const silent = { debug() {}, info() {}, warn() {}, error() {} };

beforeAll(async () => {
  world = await startWorld({ name: 'ledger-turn' });
  pool = world.pool('ledger');
  await migrateLedger({
    ownerUrl: world.postgresUrl('ledger_owner'),
    serviceUrl: world.postgresUrl('ledger'),
  });
  await pool.query(
    `INSERT INTO lease (name, epoch, holder, until) VALUES ('ledger-0', 1, 'test', 'infinity')`,
  );
});

beforeEach(async () => {
  tenant = `tenant-${++count}`;
  await pool.query(`UPDATE lease SET epoch = 1`);
  await take(context(), [{ cause: tenantCreatedSpan({ tenant }), role: 'operator' }]);
});

afterAll(async () => {
  for (const connection of connections) connection.close();
  await world?.close();
});

type Context = Omit<TurnContext, 'tip'>;

function context(more: Partial<Context> = {}, url = world.postgresUrl('ledger')): Context {
  const connection = new AppendConnection(url);
  connections.push(connection);
  const { signer } = testKey('log');
  return {
    partition: 0,
    lease: { name: 'ledger-0', epoch: 1 },
    connection,
    memory: new Memory(),
    signer,
    nameOf: (of) => ({
      origin: `${TEST_ORIGIN}/${of}`,
      logKey: formatVkey(`${TEST_ORIGIN}/${of}`, signer.publicKey),
    }),
    clock: Date.now,
    ...more,
  };
}

function envelope(
  spans: readonly Judged[],
  wishes: Wishes = {},
): { header: AcceptEnvelope; bodies: readonly Uint8Array[] } {
  return parseAcceptEnvelope(formatRequests([{ spans, tenant, ...wishes }], ['inbox']));
}

/** One turn, however many envelopes the spans make. */
async function take(
  by: Context,
  spans: readonly Judged[],
  wishes: Wishes = {},
): Promise<readonly (Ack | undefined)[]> {
  const requests = Array.from({ length: Math.ceil(spans.length / MAX_ENVELOPE_SPANS) }, (_, at) =>
    toRequests(envelope(spans.slice(at * MAX_ENVELOPE_SPANS, (at + 1) * MAX_ENVELOPE_SPANS), wishes)),
  );
  const { answers } = await turnOf(requests.flat(), by);
  return answers.flatMap(({ acks }) => acks);
}

/** From wherever the partition stands. */
async function turnOf(requests: readonly BatchRequest[], by: Context): Promise<TurnResult> {
  const { tip } = await loadTip(onPool(pool), 0, 'ledger-0');
  return await takeTurn(requests, { ...by, tip });
}

async function sizeOf(of: string): Promise<{ size: number; entries: number; writes: number }> {
  const { rows } = await pool.query<{ size: number; entries: number; writes: number }>(
    `SELECT size, (SELECT count(*) FROM entry e WHERE e.log_id = log.log_id) AS entries,
            (SELECT count(*) FROM key_write w WHERE w.log_id = log.log_id) AS writes FROM log WHERE tenant = $1`,
    [of],
  );
  return { size: Number(rows[0]?.size), entries: Number(rows[0]?.entries), writes: Number(rows[0]?.writes) };
}

describe('a turn', () => {
  it('of an epoch that is over commits nothing', async () => {
    const leader = context();
    await take(leader, [{ cause: stopSpanOf(tenant, 1) }]);
    await pool.query(`UPDATE lease SET epoch = 2`);
    await expect(take(leader, [{ cause: stopSpanOf(tenant, 2), writes: ['a'] }])).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    expect(await sizeOf(tenant)).toEqual({ size: 2, entries: 2, writes: 0 });
  });

  it('keeps the lease from being taken while its transaction is open', async () => {
    const [leader, other] = [await pool.connect(), await pool.connect()];
    await leader.query('BEGIN');
    await leader.query(LOCK_LEASE.text, ['ledger-0', 1]);
    await other.query(`SET lock_timeout = '100ms'`);
    await expect(other.query(`UPDATE lease SET epoch = 2`)).rejects.toThrow(/lock timeout/);
    await leader.query('COMMIT');
    await other.query(`UPDATE lease SET epoch = 2`);
    leader.release();
    other.release(true);
  });

  it('that numbers from a size the log no longer has commits nothing', async () => {
    const [one, other] = [context(), context()];
    await take(one, [{ cause: stopSpanOf(tenant, 1) }]);
    await take(other, [{ cause: stopSpanOf(tenant, 2) }]);
    await expect(take(one, [{ cause: stopSpanOf(tenant, 3), writes: ['a'] }])).rejects.toMatchObject({
      code: 'LOG_MOVED',
    });
    expect(await sizeOf(tenant)).toEqual({ size: 3, entries: 3, writes: 0 });
    one.memory.forget();
    const [ack] = await take(one, [{ cause: stopSpanOf(tenant, 3) }]);
    expect(ack).toMatchObject({ status: 'ok', receipt: { index: 3 } });
  });

  it('is rolled back when a deadline passes while it is written', async () => {
    const late = context({ clock: onSecondCall(() => Date.now() + 60_000) });
    await expect(take(late, [{ cause: stopSpanOf(tenant, 1) }], { waitMs: 10_000 })).rejects.toMatchObject({
      code: 'TOO_LATE',
    });
    expect(await sizeOf(tenant)).toMatchObject({ size: 1, entries: 1 });
  });

  it('signs nothing for a log whose stored leaves do not lead to its root', async () => {
    await take(context(), [{ cause: stopSpanOf(tenant, 1) }]);
    await pool.query(`UPDATE log SET root = sha256(root) WHERE tenant = $1`, [tenant]);
    await expect(take(context(), [{ cause: stopSpanOf(tenant, 2) }])).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
    });
    expect(await sizeOf(tenant)).toMatchObject({ size: 2 });
  });

  it('remembers nothing wrong after it failed', async () => {
    const leader = context();
    await take(leader, [{ cause: stopSpanOf(tenant, 1), writes: ['a'] }]);
    await pool.query(`UPDATE lease SET epoch = 2`);
    await expect(take(leader, [{ cause: stopSpanOf(tenant, 2), writes: ['a'] }])).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    await pool.query(`UPDATE lease SET epoch = 1`);
    const [ack] = await take(leader, [{ cause: stopSpanOf(tenant, 2), reads: { a: 1 }, writes: ['a'] }]);
    expect(ack).toMatchObject({ status: 'ok', receipt: { index: 2 } });
  });

  it('answers from PostgreSQL what memory never knew or has forgotten', async () => {
    const first = context();
    await take(first, [{ cause: stopSpanOf(tenant, 1), writes: ['a'] }]);
    const cold = context();
    const { answers } = await turnOf(
      toRequests(envelope([{ cause: stopSpanOf(tenant, 2), reads: { a: 0 } }])),
      cold,
    );
    expect(answers[0]?.outcomes).toEqual([{ kind: 'stale', minIndex: 1, attempt: 1 }]);
    const [fresh] = await take(cold, [{ cause: stopSpanOf(tenant, 2), reads: { a: 1, b: -1 } }]);
    expect(fresh?.status).toBe('ok');
  });

  it('gives receipts of every size the same way, fresh and from PostgreSQL, past the edge of tiles', async () => {
    const leader = context();
    const given = new Map<number, string>();
    let nth = 0;
    for (const size of [100, 155, 1, 1, 300]) {
      const spans = Array.from({ length: size }, () => stopSpanOf(tenant, ++nth));
      const acks = await take(
        leader,
        spans.map((cause) => ({ cause })),
      );
      acks.forEach((ack, at) =>
        given.set(nth - size + 1 + at, JSON.stringify(ack?.status === 'ok' && ack.receipt)),
      );
    }
    const again = await take(
      context(),
      [1, 100, 101, 255, 256, 257, 258, 400, 557].map((at) => ({ cause: stopSpanOf(tenant, at) })),
    );
    expect(again.map((ack) => ack?.status === 'ok' && ack.replayed && JSON.stringify(ack.receipt))).toEqual(
      [1, 100, 101, 255, 256, 257, 258, 400, 557].map((at) => given.get(at)),
    );
    const { rows } = await pool.query<{ n: number }>(
      `SELECT n FROM tile JOIN log USING (log_id) WHERE tenant = $1 ORDER BY n`,
      [tenant],
    );
    expect(rows.map(({ n }) => n)).toEqual([0, 1]);
  });
});

describe('the append loop', () => {
  it('whose COMMIT was heard and not answered finds out, answers with the receipt, and publishes the facts', async () => {
    const proxy = await LossyProxy.open(world.postgresUrl('ledger'));
    const { connection, memory, ...parts } = context({}, proxy.url);
    const published: string[] = [];
    const failures: unknown[] = [];
    const acks: AckReply['acks'][number][] = [];
    const lane = new FactsLane({
      publish: async (messages) => void published.push(...messages.map(({ msgId }) => msgId)),
      lastPublished: async (of) =>
        Number(published.findLast((id) => id.startsWith(`${of}:`))?.split(':')[1] ?? -1),
      readFacts: async (log, from, to) =>
        (await readFacts(onPool(pool), log.logId, from, to)).map((stored) => fromStored(stored, log.tenant)),
      log: silent,
    });
    const store = anchorStore(await world.connect('ledger'));
    const anchor = new AnchorKeeper({ partition: 0, leaseName: 'ledger-0', store, clock: Date.now });
    // what the tests before this one have committed
    const { tip } = await loadTip(onPool(pool), 0, 'ledger-0');
    await store.set({ partition: 0, position: tip.position, chain: tip.chain, epoch: 1, at: '' }, 0);
    await pool.query(`UPDATE lease SET epoch = 2`);
    const append = new AppendService({
      ...parts,
      connection,
      memory,
      leaseName: 'ledger-0',
      anchor,
      lane,
      answer: (_reply, _trace, some) => void acks.push(...some),
      partitions: 1,
      passOn: () => Promise.reject(new Error('nobody is elsewhere here')),
      recheck: () => Promise.reject(new Error('nothing is stale here')),
      onDeposed: () => undefined,
      metrics: {
        turn: () => undefined,
        anchored: () => undefined,
        failed: (error) => void failures.push(error),
      },
      log: silent,
    });
    lane.start([]);
    append.lead(2);
    await expect.poll(() => anchor.position).toBe(tip.position);
    proxy.loseNextCommit();
    await append.append(envelope([{ cause: stopSpanOf(tenant, 1) }, { cause: stopSpanOf(tenant, 2) }]));
    expect(failures).toMatchObject([{ code: 'COMMIT_UNKNOWN' }]);
    expect(acks.map(({ ack }) => ack.status === 'ok' && ack.receipt.index)).toEqual([1, 2]);
    expect(await sizeOf(tenant)).toMatchObject({ size: 3, entries: 3 });
    await append.append(envelope([{ cause: stopSpanOf(tenant, 3) }]));
    await append.stop();
    await expect.poll(() => published).toEqual([0, 1, 2, 3].map((index) => `${tenant}:${index}`));
    await lane.stop();
    await proxy.close();
  });
});

/** The clock of a turn is asked at its start, and once more before it commits. */
function onSecondCall(clock: () => number): () => number {
  let calls = 0;
  return () => (++calls === 2 ? clock() : Date.now());
}
