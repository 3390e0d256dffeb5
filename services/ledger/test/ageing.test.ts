import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  type Following,
  lastFactOf,
  migrateStreams,
  publishFacts,
  readFactsStream,
} from '@logline/jetstream';
import { followKnowledge } from '@logline/jetstream/knowledge';
import type { Pool } from '@logline/postgres';
import { TenantKnowledge } from '@logline/tdln';
import { eventually, startWorld, untilAged, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromStored, toMessage } from '../src/publish/fact.ts';
import { loadAllLogs } from '../src/storage/load-logs.ts';
import { onPool } from '../src/storage/on-pool.ts';
import { readFacts } from '../src/storage/read-facts.ts';
import { FakeGate } from './fake-gate.ts';
import {
  buildLedger,
  LEDGER_DIR,
  ledgerEnv,
  type LedgerProcess,
  migrateLedger,
  startLedger,
} from './ledger-process.ts';
import { createTenant, stopSpanOf, Traffic } from './traffic.ts';

const MAX_AGE_MS = 2_000;
let world: World;
let env: Readonly<Record<string, string>>;
let nc: NatsConnection;
let pool: Pool;
let gate: FakeGate;
let ledger: LedgerProcess;
let following: Following | undefined;

beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger-ageing', partitions: 2, factsMaxAgeMs: MAX_AGE_MS });
  env = ledgerEnv(world, { LOGLINE_LEDGER_PARTITIONS: '2' });
  migrateLedger(env);
  nc = await world.connect('test');
  pool = world.pool('ledger');
  gate = await FakeGate.open(world);
  ledger = await startLedger(env);
});
afterEach(async () => {
  await following?.stop();
  following = undefined;
});
afterAll(async () => {
  await ledger?.kill();
  await world?.close();
});

/** Apart from those of `Traffic`. */
let nth = 10_000;
async function append(tenant: string, count = 1): Promise<void> {
  for (let at = 0; at < count; at++) {
    const [ack] = await gate.submit([{ cause: stopSpanOf(tenant, ++nth) }], { tenant });
    expect(ack).toMatchObject({ status: 'ok' });
  }
}

async function chore(
  ...args: readonly string[]
): Promise<{ code: number | null; report: unknown; says: string }> {
  const child = spawn(process.execPath, [join(LEDGER_DIR, 'dist', 'maintain.js'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, says] = ['', ''];
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.on('data', (chunk) => (says += String(chunk)));
  await once(child, 'close');
  return { code: child.exitCode, report: JSON.parse(said === '' ? 'null' : said), says };
}

async function logOf(tenant: string) {
  const found = (await loadAllLogs(onPool(pool))).find((log) => log.tenant === tenant);
  if (found === undefined) throw new Error(`no log of ${tenant}`);
  return found;
}

/** Facts of a log in `[from, to)` once more, as a republish stores them that breaks off there. */
async function republishPart(tenant: string, from: number, to: number): Promise<void> {
  const log = await logOf(tenant);
  const facts = await readFacts(onPool(pool), log.logId, from, to);
  const messages = facts.map((stored) => toMessage(fromStored(stored, tenant), log));
  await publishFacts(
    nc,
    messages.map((message) => ({ ...message, msgId: `${message.msgId}:part-${++nth}` })),
  );
}

/** A reader that knows nothing but what the stream gives it. */
async function readFromNothing(): Promise<TenantKnowledge> {
  const known = new TenantKnowledge();
  following = await followKnowledge({ nc, known, fromSequence: 1 });
  return known;
}

async function keepFactsFor(factsMaxAgeMs: number): Promise<void> {
  await migrateStreams(await world.connect('migrator'), { partitions: 2, factsMaxAgeMs });
}

async function startAgain(): Promise<void> {
  await ledger.stop();
  ledger = await startLedger(env);
  await eventually(() => expect(ledger.lines.filter(({ msg }) => msg === 'leading')).toHaveLength(2));
}

describe('a ledger whose facts age', () => {
  it('does not publish a log anew that was quiet for so long, and still goes on with it, and moves it', async () => {
    await createTenant(gate, 'quiet');
    await append('quiet', 5);
    await untilAged(nc);
    await createTenant(gate, 'busy');
    await eventually(async () => expect((await lastFactOf(nc, 'busy'))?.index).toBe(0));
    const { lastSequence } = await readFactsStream(nc);
    await startAgain();
    await append('busy', 2);
    await eventually(async () => expect((await lastFactOf(nc, 'busy'))?.index).toBe(2));
    expect(await lastFactOf(nc, 'quiet')).toBeNull();
    expect((await readFactsStream(nc)).lastSequence).toBe(lastSequence + 2);

    const { partition } = (await pool.query(`SELECT partition FROM log WHERE tenant = 'quiet'`)).rows[0];
    expect(await chore('move', 'quiet', String(1 - Number(partition)))).toMatchObject({
      code: 0,
      report: { moved: true },
    });
    await append('quiet');
    await eventually(async () => expect((await lastFactOf(nc, 'quiet'))?.index).toBe(6));
  });

  it('lets a log be republished while it leads and the log grows, for a reader that has nothing', async () => {
    await untilAged(nc);
    await append('quiet');
    const known = await readFromNothing();
    await eventually(() => expect(known.lackOf('quiet')).toEqual({ tenant: 'quiet', from: 0, to: 7 }));
    const traffic = new Traffic(gate, ['quiet', 'busy'], 4);
    expect(await chore('republish', '--again', '--tenant', 'quiet')).toMatchObject({
      code: 0,
      report: { ok: true, logs: 1 },
    });
    await eventually(() => expect(known.lackOf('quiet')).toBeNull());
    await traffic.end();
    const { size } = await logOf('quiet');
    await eventually(() => expect(known.of('quiet').index).toBe(size - 1));
    expect(known.broken).toEqual([]);
    expect(await chore('fsck', '--facts')).toMatchObject({ code: 0, report: { faults: [] } });
  });

  it('is not fooled by a republish that broke off: not as it goes on, and not as the next leader', async () => {
    await untilAged(nc);
    const known = await readFromNothing();
    const before = (await logOf('quiet')).size;
    // as long as it takes a ledger to start, and more
    await keepFactsFor(20_000);
    await republishPart('quiet', 0, 3);
    expect((await lastFactOf(nc, 'quiet'))?.index).toBe(2);
    expect(await chore('fsck', '--facts', '--tenant', 'quiet')).toMatchObject({ code: 0 });
    // it leads, and knows where it is
    await append('quiet');
    await eventually(() => expect(known.lackOf('quiet')).toEqual({ tenant: 'quiet', from: 3, to: before }));
    expect((await lastFactOf(nc, 'quiet'))?.index).toBe(before);
    // the next leader asks the stream, which ends with an old fact
    await republishPart('quiet', 1, 3);
    expect(await chore('fsck', '--facts', '--tenant', 'quiet')).toMatchObject({
      code: 1,
      report: { faults: [{ index: 3, why: expect.stringContaining('broke off') }] },
    });
    await startAgain();
    await append('quiet');
    await eventually(async () => expect((await lastFactOf(nc, 'quiet'))?.index).toBe(before + 1));
    // it has gone on behind that one, but for what the stream has stored a moment ago and takes for the same
    await eventually(() => expect(known.of('quiet').index).toBe(before - 1));
    expect(known.lackOf('quiet')).toEqual({ tenant: 'quiet', from: before, to: before + 1 });
    expect(await chore('republish', '--again', '--tenant', 'quiet', '--from', String(before))).toMatchObject({
      code: 0,
      report: { ok: true, published: 2 },
    });
    await eventually(() => expect(known.lackOf('quiet')).toBeNull());
    expect(known.of('quiet').index).toBe(before + 1);
    await keepFactsFor(MAX_AGE_MS);
  });

  it('lets all logs be republished from where a reader lacks them, never with a hole behind what has gone out', async () => {
    await untilAged(nc);
    const { size } = await logOf('busy');
    const known = await readFromNothing();
    expect(await chore('republish', '--again', '--tenant', 'busy', '--from', '1000000')).toMatchObject({
      code: 0,
      report: { ok: true, published: 0 },
    });
    expect(await chore('republish', '--again')).toMatchObject({
      code: 0,
      report: { ok: true, logs: 2, published: size + (await logOf('quiet')).size },
    });
    await eventually(() => expect(known.of('busy').index).toBe(size - 1));
    expect(known.lacks).toEqual([]);
  });
});
