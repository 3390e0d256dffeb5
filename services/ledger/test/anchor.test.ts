import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ANCHOR_BUCKET } from '@logline/contracts';
import { callApi, streamConfigs } from '@logline/jetstream';
import { eventually, startWorld, testKey, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AnchorKeeper } from '../src/anchor/anchor-keeper.ts';
import { type AnchorStore, anchorStore } from '../src/anchor/anchor.store.ts';
import { nextTip } from '../src/domain/anchor.ts';
import { AppendConnection } from '../src/storage/append-connection.ts';
import { loadTip } from '../src/storage/load-tip.ts';
import { onPool } from '../src/storage/on-pool.ts';
import { audit } from './audit.ts';
import { takeBackup } from './backup.ts';
import { FakeGate } from './fake-gate.ts';
import {
  buildLedger,
  ledgerEnv,
  type LedgerProcess,
  LEDGER_DIR,
  migrateLedger,
  startLedger,
} from './ledger-process.ts';
import { createTenant, type Held, stopSpanOf } from './traffic.ts';

const TENANTS = ['acme', 'umbra'];
const STREAM = `KV_${ANCHOR_BUCKET}`;

let world: World;
let gate: FakeGate;
let nc: NatsConnection;
let store: AnchorStore;
let env: Readonly<Record<string, string>>;
let ledgers: LedgerProcess[];
let nth = 0;

beforeAll(() => buildLedger());

beforeEach(async () => {
  world = await startWorld({ name: 'ledger-anchor' });
  env = ledgerEnv(world);
  migrateLedger(env);
  gate = await FakeGate.open(world);
  nc = await world.connect('test');
  store = anchorStore(await world.connect('ledger'));
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

/** Facts of each tenant, acknowledged. */
async function hold(count: number): Promise<Held[]> {
  const held: Held[] = [];
  for (let at = 0; at < count; at++) {
    const tenant = TENANTS[at % TENANTS.length] ?? '';
    const span = stopSpanOf(tenant, ++nth);
    const [ack] = await gate.submit([{ cause: span }], { tenant });
    if (ack?.status !== 'ok') throw new Error(JSON.stringify(ack));
    held.push({ tenant, span, receipt: ack.receipt });
  }
  return held;
}

async function born(): Promise<void> {
  for (const tenant of TENANTS) await createTenant(gate, tenant);
}

async function stored(): Promise<{ position: number; chain: Uint8Array; epoch: number }> {
  const pool = world.pool('ledger');
  const { tip, epoch } = await loadTip(onPool(pool), 0, 'ledger-0');
  await pool.end();
  return { position: tip.position, chain: tip.chain, epoch };
}

async function expectAnchored(): Promise<void> {
  const { position, chain } = await stored();
  const { anchor } = await store.read(0);
  expect(anchor).toMatchObject({ position, chain: Uint8Array.from(chain) });
}

async function refusal(ledger: LedgerProcess): Promise<string> {
  return await eventually(
    async () => {
      const { checks } = (await (await fetch(`${ledger.url}/readyz`)).json()) as {
        checks: Record<string, string>;
      };
      expect(checks['anchor']).not.toBe('ok');
      return checks['anchor'] ?? '';
    },
    { withinMs: 15_000 },
  );
}

async function expectRefuses(ledger: LedgerProcess, code: string): Promise<void> {
  expect(await refusal(ledger)).toContain(code);
  const before = await stored();
  const [ack] = await gate.submit([{ cause: stopSpanOf('acme', ++nth) }], { tenant: 'acme' });
  expect(ack).toMatchObject({ status: 'invalid', code: '503_UNAVAILABLE' });
  expect(await stored()).toMatchObject({ position: before.position });
  expect(await (await fetch(`${ledger.url}/metrics`)).text()).toMatch(/ledger_refusing 1\n/);
  expect(ledger.lines.some(({ msg }) => msg.includes('refusing to sign'))).toBe(true);
  expect((await fetch(`${ledger.url}/healthz`)).status).toBe(200);
}

function runAdopt(...args: readonly string[]): {
  status: number | null;
  report: Record<string, unknown>;
  said: string;
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(LEDGER_DIR, 'dist', 'maintain.js'), 'adopt', ...args],
    {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    },
  );
  return {
    status,
    report: JSON.parse(stdout === '' ? '{}' : stdout) as Record<string, unknown>,
    said: stderr,
  };
}

function operatorFile(): string {
  const { kid, seed } = testKey('operator');
  return world.writeFile('operator.json', JSON.stringify({ kid, seed, token: 'x', services: [] }));
}

async function setAnchorLimit(maxBytes: number): Promise<void> {
  const wanted = streamConfigs(1).find(({ name }) => name === STREAM);
  await callApi(nc, `STREAM.UPDATE.${STREAM}`, { ...wanted, max_msg_size: maxBytes });
}

describe('the anchor', () => {
  it('stands at every commit that was acknowledged, and says who set it', async () => {
    await start();
    expect((await store.read(0)).anchor).toBeUndefined();
    await born();
    for (let at = 0; at < 5; at++) {
      await hold(1);
      await expectAnchored();
    }
    const { epoch } = await stored();
    expect((await store.read(0)).anchor).toMatchObject({ partition: 0, epoch });
  });

  it('stops a ledger whose database was put back from before, until the operator adopts it', async () => {
    let ledger = await start();
    await born();
    await hold(6);
    await ledger.stop();
    const backup = await takeBackup(world);
    ledger = await start();
    const lost = await hold(6);
    await ledger.stop();
    await backup.putBack();

    ledger = await start();
    await expectRefuses(ledger, 'BEHIND_ANCHOR');

    const asked = runAdopt();
    expect(asked).toMatchObject({
      status: 1,
      report: { needed: true, adopted: false, code: 'BEHIND_ANCHOR' },
    });
    expect(asked.said).toContain('6 commits that were acknowledged are not in this database');
    expect(asked.report['unknown_facts']).toMatchObject([{ tenant: 'acme' }, { tenant: 'umbra' }]);
    expect(runAdopt('--i-know').status).toBe(2);
    await expectRefuses(ledger, 'BEHIND_ANCHOR');

    const adopted = runAdopt('--i-know', '--operator-key-file', operatorFile());
    expect(adopted).toMatchObject({ status: 0, report: { adopted: true, logs: 2, operator: 'operator' } });
    await expectAnchored();
    const again = await eventually(() => hold(2), { withinMs: 20_000 });
    expect(again.map(({ receipt }) => receipt.index)).toEqual([5, 5]); // birth, three, the adoption, this one
    await expectAnchored();
    expect(lost[0]?.receipt.index).toBe(4); // where the adoption is now: what was lost is proven by its receipt
    expect(await refusalGone(ledger)).toBe(true);
    expect(runAdopt()).toMatchObject({ status: 0, report: { needed: false } });

    const pool = world.pool('ledger');
    const { rows } = await pool.query<{ bytes: Buffer }>(
      `SELECT bytes FROM entry JOIN log USING (log_id) WHERE tenant = 'acme' AND idx = 4`,
    );
    await pool.end();
    expect(JSON.parse(String(rows[0]?.bytes))).toMatchObject({
      intent: 'registry.log.adopted',
      subject: 'urn:tenant:acme',
      payload: { partition: 0, anchor: { position: 14 }, database: { position: 8 } },
      signature: { kid: 'operator' },
    });
  });

  it('that is lost with the disk of NATS stops it too; what it had published comes back, and adopted it goes on', async () => {
    let ledger = await start();
    await born();
    const held = await hold(6);
    await ledger.kill();
    await world.nats.stop();
    rmSync(join(world.dir, 'nats', 'store'), { recursive: true });
    await world.nats.start();
    await eventually(() => callApi(nc, `STREAM.INFO.${STREAM}`, undefined), { withinMs: 10_000 });

    ledger = await start();
    await expectRefuses(ledger, 'ANCHOR_MISSING');
    expect(runAdopt('--i-know', '--operator-key-file', operatorFile())).toMatchObject({
      status: 0,
      report: { adopted: true, unknown_facts: [] },
    });
    held.push(...(await eventually(() => hold(4), { withinMs: 20_000 })));
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('that is lost while a ledger runs stops it at the next commit, which is not acknowledged', async () => {
    const ledger = await start();
    await born();
    await hold(2);
    await callApi(nc, `STREAM.DELETE.${STREAM}`, undefined);
    const wanted = streamConfigs(1).find(({ name }) => name === STREAM);
    await callApi(nc, `STREAM.CREATE.${STREAM}`, wanted);
    const before = await stored();
    const [ack] = await gate.submit([{ cause: stopSpanOf('acme', ++nth) }], { tenant: 'acme' });
    expect(ack).toMatchObject({ code: '503_UNAVAILABLE' });
    expect((await stored()).position).toBe(before.position + 1);
    await expectRefuses(ledger, 'ANCHOR_MISSING');
  });
});

describe('between COMMIT and anchor', () => {
  it('a ledger killed with kill -9 is found one commit ahead, and the next one goes on by itself', async () => {
    let ledger = await start();
    await born();
    const held = await hold(3);
    await setAnchorLimit(8);
    const before = await stored();
    const span = stopSpanOf('acme', ++nth);
    const unanswered = gate.submit([{ cause: span }], { tenant: 'acme', waitMs: 3_000 });
    await eventually(async () => expect((await stored()).position).toBe(before.position + 1));
    await ledger.kill();
    expect(await unanswered).toEqual([undefined]);
    expect((await store.read(0)).anchor?.position).toBe(before.position);
    await setAnchorLimit(-1);

    ledger = await start();
    await eventually(expectAnchored, { withinMs: 15_000 });
    const [ack] = await gate.submit([{ cause: span }], { tenant: 'acme' });
    if (ack?.status !== 'ok') throw new Error(JSON.stringify(ack));
    expect(ack.replayed).toBe(true);
    held.push({ tenant: 'acme', span, receipt: ack.receipt }, ...(await hold(2)));
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('replies wait for it, nothing else is committed, and whose deadline passes hears that the outcome is unknown', async () => {
    await start();
    await born();
    const held = await hold(2);
    await setAnchorLimit(8);
    const before = await stored();
    const [span, other] = [stopSpanOf('acme', ++nth), stopSpanOf('umbra', ++nth)];
    const first = gate.submit([{ cause: span }], { tenant: 'acme', waitMs: 4_000 });
    await eventually(async () => expect((await stored()).position).toBe(before.position + 1));
    const second = gate.submit([{ cause: other }], { tenant: 'umbra', waitMs: 10_000 });
    const late = await Promise.race([first, second]);
    expect(late[0] === undefined || 'code' in late[0]).toBe(true);
    expect((await stored()).position).toBe(before.position + 1);
    await setAnchorLimit(-1);
    for (const [tenant, cause] of [
      ['acme', span],
      ['umbra', other],
    ] as const) {
      const [ack] = await gate.submit([{ cause }], { tenant });
      if (ack?.status !== 'ok') throw new Error(JSON.stringify(ack));
      held.push({ tenant, span: cause, receipt: ack.receipt });
    }
    await second;
    expect(await audit(world, gate, nc, TENANTS, held)).toBe(held.length);
  });

  it('an old leader that was paused there can no longer move it', async () => {
    const pool = world.pool('ledger');
    const connection = new AppendConnection(world.postgresUrl('ledger'));
    const keeper = () => new AnchorKeeper({ partition: 0, leaseName: 'ledger-0', store, clock: Date.now });
    const lead = (epoch: number) =>
      pool.query(
        `INSERT INTO lease VALUES ('ledger-0', $1, 'test', 'infinity') ON CONFLICT (name) DO UPDATE SET epoch = $1`,
        [epoch],
      );
    const commit = async (note: string) => {
      const { tip } = await loadTip(onPool(pool), 0, 'ledger-0');
      const next = nextTip(tip, [note]);
      await pool.query(
        `INSERT INTO partition VALUES (0, $1, $2, $3) ON CONFLICT (partition) DO UPDATE SET position = $1, chain = $2, previous = $3`,
        [next.position, next.chain, next.previous],
      );
      return next;
    };
    const [old, next] = [keeper(), keeper()];
    await lead(5);
    await old.stand(connection, 5);
    await old.follow(await commit('one'), 5);
    const unanchored = await commit('two');

    await lead(6); // while 5 is paused
    expect((await next.stand(connection, 6)).position).toBe(2);
    await expect(old.follow(unanchored, 5)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(old.stand(connection, 5)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await next.follow(await commit('three'), 6);
    expect((await store.read(0)).anchor).toMatchObject({ position: 3, epoch: 6 });

    await lead(7); // nothing was in doubt: the anchor is set anew all the same
    const third = keeper();
    await third.stand(connection, 7);
    await expect(next.follow(nextTip(await third.stand(connection, 7), ['four']), 6)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect((await store.read(0)).anchor).toMatchObject({ position: 3, epoch: 7 });
    connection.close();
  });
});

async function refusalGone(ledger: LedgerProcess): Promise<boolean> {
  return await eventually(async () => {
    const { status } = await fetch(`${ledger.url}/readyz`);
    expect(status).toBe(200);
    return true;
  });
}
