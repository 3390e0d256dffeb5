import { eventually, startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { audit } from './audit.ts';
import { FakeGate } from './fake-gate.ts';
import { buildLedger, ledgerEnv, type LedgerProcess, migrateLedger, startLedger } from './ledger-process.ts';
import { createTenant, Traffic } from './traffic.ts';

const TENANTS = ['acme', 'umbra'];

let world: World;
let gate: FakeGate;
let nc: NatsConnection;
let env: Readonly<Record<string, string>>;
let ledgers: LedgerProcess[];

beforeAll(() => buildLedger());

beforeEach(async () => {
  world = await startWorld({ name: 'ledger-faults' });
  env = ledgerEnv(world);
  migrateLedger(env);
  gate = await FakeGate.open(world);
  nc = await world.connect('test');
  ledgers = [];
});

afterEach(async () => {
  await Promise.all(ledgers.map((ledger) => ledger.kill()));
  await world.close();
});

async function start(): Promise<LedgerProcess> {
  const ledger = await startLedger(env);
  ledgers.push(ledger);
  return ledger;
}

async function busy(): Promise<Traffic> {
  for (const tenant of TENANTS) await createTenant(gate, tenant);
  return new Traffic(gate, TENANTS, 16);
}

/** Enough for the next fault to hit something. */
async function moreOf(traffic: Traffic, count = 60): Promise<void> {
  const before = traffic.held.length;
  await eventually(() => expect(traffic.held.length).toBeGreaterThan(before + count), { withinMs: 40_000 });
}

describe('a ledger', () => {
  it('killed in the middle of traffic, again and again, loses nothing acknowledged', async () => {
    let ledger = await start();
    const traffic = await busy();
    for (let round = 0; round < 4; round++) {
      await moreOf(traffic);
      await ledger.kill();
      ledger = await start();
    }
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('whose PostgreSQL is killed and comes back goes on without losing anything acknowledged', async () => {
    await start();
    const traffic = await busy();
    for (let round = 0; round < 2; round++) {
      await moreOf(traffic);
      await world.postgres.kill();
      await world.postgres.start();
    }
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('whose NATS is killed and comes back goes on without losing anything acknowledged', async () => {
    await start();
    const traffic = await busy();
    await moreOf(traffic);
    await world.nats.kill();
    await world.nats.start();
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('that is stopped gives its lease to the next one at once', async () => {
    const first = await start();
    const traffic = await busy();
    await moreOf(traffic);
    const second = await start();
    expect(second.lines.some(({ msg }) => msg === 'leading')).toBe(false);
    expect(await first.stop()).toBe(0);
    await eventually(() => expect(second.lines.some(({ msg }) => msg === 'leading')).toBe(true), {
      withinMs: 2_000,
    });
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('that was paused while another one took over commits nothing any more', async () => {
    const first = await start();
    const traffic = await busy();
    const second = await start();
    for (const [paused, other] of [
      [first, second],
      [second, first],
    ] as const) {
      await moreOf(traffic);
      process.kill(paused.pid, 'SIGSTOP');
      const leads = () => other.lines.filter(({ msg }) => msg === 'leading').length;
      const before = leads();
      await eventually(() => expect(leads()).toBeGreaterThan(before), { withinMs: 20_000 });
      await moreOf(traffic);
      process.kill(paused.pid, 'SIGCONT');
      await eventually(() => expect(paused.lines.at(-1)?.msg).toBe('standby'), { withinMs: 20_000 });
    }
    await moreOf(traffic);
    const held = await traffic.end();
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
    const epochs = [first, second].flatMap(({ lines }) =>
      lines.filter(({ msg }) => msg === 'leading').map(({ epoch }) => epoch),
    );
    expect(new Set(epochs).size).toBe(epochs.length);
  });
});
