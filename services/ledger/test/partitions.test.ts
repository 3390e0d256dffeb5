import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { lastFactOf } from '@logline/jetstream';
import type { Pool } from '@logline/postgres';
import { eventually, startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anchorStore } from '../src/anchor/anchor.store.ts';
import { moveTenant } from '../src/move/move-tenant.ts';
import { audit } from './audit.ts';
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

const PARTITIONS = 3;
const TENANTS = ['acme', 'umbra', 'initech', 'hooli', 'globex', 'wonka'];

let world: World;
let gate: FakeGate;
let nc: NatsConnection;
let pool: Pool;
let env: Readonly<Record<string, string>>;
let ledgers: LedgerProcess[];

beforeAll(() => buildLedger());

beforeEach(async () => {
  world = await startWorld({ name: 'ledger-partitions', partitions: PARTITIONS });
  env = ledgerEnv(world, { LOGLINE_LEDGER_PARTITIONS: String(PARTITIONS) });
  migrateLedger(env);
  gate = await FakeGate.open(world);
  nc = await world.connect('test');
  pool = world.pool('ledger');
  ledgers = [];
});

afterEach(async () => {
  await Promise.all(ledgers.map((ledger) => ledger.kill()));
  await world.close();
});

async function start(more: Readonly<Record<string, string>> = {}): Promise<LedgerProcess> {
  const ledger = await startLedger({ ...env, ...more });
  ledgers.push(ledger);
  return ledger;
}

async function bearAll(): Promise<void> {
  for (const tenant of TENANTS) await createTenant(gate, tenant);
}

async function partitionOf(tenant: string): Promise<number> {
  const { rows } = await pool.query<{ partition: number }>('SELECT partition FROM log WHERE tenant = $1', [
    tenant,
  ]);
  return Number(rows[0]?.partition);
}

async function maintain(...args: readonly string[]): Promise<{ status: number | null; report: unknown }> {
  const child = spawn(process.execPath, [join(LEDGER_DIR, 'dist', 'maintain.js'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  await once(child, 'exit');
  return { status: child.exitCode, report: JSON.parse(said === '' ? 'null' : said) };
}

function leads(ledger: LedgerProcess): ReadonlySet<unknown> {
  const led = new Set<unknown>();
  for (const { msg, name } of ledger.lines) {
    if (msg === 'leading') led.add(name);
    if (msg === 'standby') led.delete(name);
  }
  return led;
}

async function moreOf(traffic: Traffic, count = 40): Promise<void> {
  const before = traffic.held.length;
  await eventually(() => expect(traffic.held.length).toBeGreaterThan(before + count), { withinMs: 40_000 });
}

describe('a tenant', () => {
  it('is born in one of the partitions, whoever is asked, and is found from all of them', async () => {
    await start();
    await bearAll();
    const homes = await Promise.all(TENANTS.map(partitionOf));
    expect(new Set(homes).size).toBeGreaterThan(1);
    let nth = 0;
    for (const [at, tenant] of TENANTS.entries()) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const [ack] = await gate.submit([{ cause: stopSpanOf(tenant, ++nth) }], { tenant, partition });
        expect(ack?.status).toBe('ok');
      }
      await eventually(async () =>
        expect((await lastFactOf(nc, tenant))?.place).toMatchObject(
          homes[at] === 0 ? { index: 3 } : { index: 3, partition: homes[at] },
        ),
      );
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const [ack] = await gate.submit([{ cause: stopSpanOf('nobody', 1) }], { tenant: 'nobody', partition });
      expect(ack).toMatchObject({ code: '404_NOT_FOUND' });
    }
    expect(await Promise.all(TENANTS.map(partitionOf))).toEqual(homes);
  });

  it('that is moved again and again while traffic runs keeps one history, without gap or duplicate, here and in the facts', async () => {
    await start();
    await bearAll();
    const traffic = new Traffic(gate, TENANTS, 12, PARTITIONS);
    const home = await partitionOf('acme');
    for (let round = 1; round <= 2 * PARTITIONS; round++) {
      const to = (home + round) % PARTITIONS;
      await moreOf(traffic);
      const [acme, umbra] = await Promise.all([
        maintain('move', 'acme', String(to)),
        maintain('move', 'umbra', String(to)),
      ]);
      expect(acme).toMatchObject({ status: 0, report: { tenant: 'acme', to, moved: true } });
      expect(umbra.status).toBe(0);
      expect(await partitionOf('acme')).toBe(to);
    }
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
    expect(new Set(held.map(({ tenant }) => tenant)).size).toBe(TENANTS.length);
  });

  it('can be moved though whoever moved the one before died between COMMIT and anchors, and nobody has said anything since', async () => {
    await start();
    await bearAll();
    const [home, umbrasHome] = [await partitionOf('acme'), await partitionOf('umbra')];
    const store = anchorStore(await world.connect('ledger'));
    const dies = moveTenant('acme', (home + 1) % PARTITIONS, {
      pool,
      store: { read: store.read, set: () => Promise.reject(new Error('killed')) },
      lastPublished: async (of) => (await lastFactOf(nc, of))?.index ?? -1,
    });
    await expect(dies).rejects.toThrow('killed');
    expect(await partitionOf('acme')).toBe((home + 1) % PARTITIONS);
    const startMs = performance.now();
    expect(await maintain('move', 'acme', String(home))).toMatchObject({ status: 0 });
    expect(await maintain('move', 'umbra', String((umbrasHome + 1) % PARTITIONS))).toMatchObject({
      status: 0,
    });
    expect(performance.now() - startMs).toBeLessThan(20_000);
    for (const [nth, tenant] of ['acme', 'umbra'].entries())
      expect(await gate.submit([{ cause: stopSpanOf(tenant, nth + 1) }], { tenant })).toMatchObject([
        { status: 'ok' },
      ]);
  });

  it('that was away and came back gets the receipts of what it did there, from a leader that still remembers it as it was', async () => {
    await start();
    await bearAll();
    const home = await partitionOf('acme');
    const away = (home + 1) % PARTITIONS;
    const submit = (nth: number, partition: number) =>
      gate.submit([{ cause: stopSpanOf('acme', nth) }], { tenant: 'acme', partition });
    expect(await submit(1, home)).toMatchObject([{ status: 'ok' }]);
    expect(await maintain('move', 'acme', String(away))).toMatchObject({ status: 0 });
    const [first] = await submit(2, away);
    expect(first?.status).toBe('ok');
    expect(await maintain('move', 'acme', String(home))).toMatchObject({ status: 0 });
    const [again] = await submit(2, home);
    if (first?.status !== 'ok' || again?.status !== 'ok') throw new Error(JSON.stringify(again));
    expect(again.receipt).toEqual(first.receipt);
  });

  it('can be moved to where nobody leads yet, and waits there for a leader', async () => {
    await start({ LOGLINE_LEDGER_LEADS: '0,1' });
    await createTenant(gate, 'acme');
    const home = await partitionOf('acme');
    if (home !== 2) expect(await maintain('move', 'acme', '2')).toMatchObject({ status: 0 });
    expect(await maintain('move', 'acme', '2')).toMatchObject({ status: 0, report: { moved: false } });
    expect((await maintain('move', 'acme', '3')).status).toBe(2);
    expect((await maintain('move', 'nobody', '1')).status).toBe(2);
    const span = stopSpanOf('acme', 1);
    const [unanswered] = await gate.submit([{ cause: span }], { tenant: 'acme', waitMs: 500 });
    expect(unanswered).toBeUndefined();
    await start({ LOGLINE_LEDGER_LEADS: '2' });
    const [ack] = await gate.submit([{ cause: span }], { tenant: 'acme' });
    if (ack?.status !== 'ok') throw new Error(JSON.stringify(ack));
    expect(await audit(world, gate, nc, ['acme'], [{ tenant: 'acme', span, receipt: ack.receipt }])).toBe(1);
  });
});

describe('several processes', () => {
  it('share the partitions, and whoever lives takes over those of a killed one', async () => {
    const [first, second] = [
      await start({ LOGLINE_LEDGER_LEADS: '0' }),
      await start({ LOGLINE_LEDGER_LEADS: '1,2' }),
    ];
    await bearAll();
    const traffic = new Traffic(gate, TENANTS, 12, PARTITIONS);
    await moreOf(traffic);
    expect(leads(first)).toEqual(new Set(['ledger-0']));
    expect(leads(second)).toEqual(new Set(['ledger-1', 'ledger-2']));
    const third = await start();
    await second.kill();
    await eventually(() => expect(leads(third)).toEqual(new Set(['ledger-1', 'ledger-2'])), {
      withinMs: 15_000,
    });
    await moreOf(traffic);
    await first.stop();
    await eventually(() => expect(leads(third).size).toBe(PARTITIONS), { withinMs: 15_000 });
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('of which one was paused: it neither commits nor publishes nor moves an anchor when it wakes up', async () => {
    const [first, second] = [await start(), await start()];
    await bearAll();
    const traffic = new Traffic(gate, TENANTS, 12, PARTITIONS);
    for (const [paused, other] of [
      [first, second],
      [second, first],
    ] as const) {
      await moreOf(traffic);
      await eventually(() => expect(leads(paused).size).toBeGreaterThan(0));
      process.kill(paused.pid, 'SIGSTOP');
      await eventually(() => expect(leads(other).size).toBe(PARTITIONS), { withinMs: 20_000 });
      await moreOf(traffic);
      process.kill(paused.pid, 'SIGCONT');
      await eventually(() => expect(leads(paused).size).toBe(0), { withinMs: 20_000 });
    }
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });
});
