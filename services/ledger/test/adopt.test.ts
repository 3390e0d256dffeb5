import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ANCHOR_BUCKET, type Receipt } from '@logline/contracts';
import { callApi, lastFactOf, streamConfigs } from '@logline/jetstream';
import type { Pool } from '@logline/postgres';
import {
  eventually,
  startWorld,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type World,
} from '@logline/testing';
import { parseNote, parseProof, toVkey } from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anchorStore } from '../src/anchor/anchor.store.ts';
import { loadTip } from '../src/storage/load-tip.ts';
import { onPool } from '../src/storage/on-pool.ts';
import { takeBackup } from './backup.ts';
import { FakeGate } from './fake-gate.ts';
import {
  buildLedger,
  LEDGER_DIR,
  ledgerEnv,
  type LedgerProcess,
  migrateLedger,
  startLedger,
} from './ledger-process.ts';
import { stopSpanOf } from './traffic.ts';

const PARTITIONS = 3;
const MAINTAIN = join(LEDGER_DIR, 'dist', 'maintain.js');
const CLI = join(LEDGER_DIR, '..', '..', 'apps', 'cli', 'src', 'main.ts');

let world: World;
let gate: FakeGate;
let nc: NatsConnection;
let pool: Pool;
let env: Readonly<Record<string, string>>;
let ledger: LedgerProcess | undefined;
let nth = 0;

beforeAll(() => buildLedger());

beforeEach(async () => {
  world = await startWorld({ name: 'ledger-adopt', partitions: PARTITIONS });
  env = ledgerEnv(world, { LOGLINE_LEDGER_PARTITIONS: String(PARTITIONS) });
  migrateLedger(env);
  gate = await FakeGate.open(world);
  nc = await world.connect('test');
  pool = world.pool('ledger');
});

afterEach(async () => {
  await stop();
  await world.close();
});

type More = Readonly<Record<string, string>>;

async function start(more: More = {}): Promise<LedgerProcess> {
  ledger = await startLedger({ ...env, ...more });
  return ledger;
}

async function stop(): Promise<void> {
  await ledger?.stop();
  ledger = undefined;
}

const fileOf = (key: string): string => world.env('X', 'ledger', { key })['X_KEY_FILE'] ?? 'no key file';
const keys = (key: string, next: string): More => ({
  LOGLINE_LEDGER_KEY_FILE: fileOf(key),
  LOGLINE_LEDGER_NEXT_KEY_FILE: fileOf(next),
});

/** Its exit code, its one JSON document, and what it says to people. */
type Ran = {
  readonly status: number | null;
  readonly report: Readonly<Record<string, unknown>>;
  readonly said: string;
};

function runNode(args: readonly string[], more: More): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args], {
    env: { ...process.env, ...env, ...more },
    encoding: 'utf8',
  });
  return { status, report: JSON.parse(stdout === '' ? '{}' : stdout), said: stderr };
}

const maintain = (args: readonly string[], more: More = {}): Ran => runNode([MAINTAIN, ...args], more);

function adopt(partition: number, more: More = {}): Ran {
  const { kid, seed } = testKey('operator');
  const operator = world.writeFile('operator.json', JSON.stringify({ kid, seed, token: 'x', services: [] }));
  return maintain(
    ['adopt', '--i-know', '--operator-key-file', operator, '--partition', String(partition)],
    more,
  );
}

/** Its log is in this partition, whatever its name would make of it. */
async function born(tenant: string, partition = 0, log = testKey('log')): Promise<void> {
  await receiptOf(tenant, tenantCreatedSpan({ tenant, log }), {
    role: 'operator',
    reads: { tenant: -1 },
    writes: ['tenant'],
  });
  expect(maintain(['move', tenant, String(partition)]).status).toBe(0);
}

async function receiptOf(tenant: string, cause = stopSpanOf(tenant, ++nth), more = {}): Promise<Receipt> {
  return await eventually(
    async () => {
      const [ack] = await gate.submit([{ cause, ...more }], { tenant });
      if (ack?.status !== 'ok') throw new Error(JSON.stringify(ack));
      return ack.receipt;
    },
    { withinMs: 20_000 },
  );
}

async function expectAnchored(partition: number): Promise<void> {
  const { tip } = await loadTip(onPool(pool), partition, `ledger-${partition}`);
  const { anchor } = await anchorStore(await world.connect('ledger')).read(partition);
  expect(anchor).toMatchObject({ position: tip.position, chain: Uint8Array.from(tip.chain) });
}

async function expectSigns(): Promise<void> {
  await eventually(
    async () => {
      const answer = await fetch(`${ledger?.url}/readyz`);
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"anchor":"ok"')]);
    },
    { withinMs: 20_000 },
  );
}

async function loseAnchors(): Promise<void> {
  const name = `KV_${ANCHOR_BUCKET}`;
  await callApi(nc, `STREAM.DELETE.${name}`, undefined);
  await callApi(
    nc,
    `STREAM.CREATE.${name}`,
    streamConfigs(1).find((one) => one.name === name),
  );
}

/** As if the database had been put back from before five commits of the first partition. */
async function moveAnchorAhead(): Promise<void> {
  const store = anchorStore(await world.connect('ledger'));
  const { anchor, sequence } = await store.read(0);
  if (anchor === undefined) throw new Error('there is no anchor');
  const chain = new Uint8Array(32).fill(7);
  await store.set({ ...anchor, position: anchor.position + 5, chain }, sequence);
}

/** Rows of its log: what may not change while nothing may be signed for it. */
async function rowsOf(tenant: string): Promise<unknown> {
  const { rows } = await pool.query<Record<string, unknown>>(
    `SELECT log.*, (SELECT count(*) FROM entry WHERE entry.log_id = log.log_id) AS entries,
            (SELECT max(note) FROM checkpoint c WHERE c.log_id = log.log_id AND c.size = log.size) AS note,
            (SELECT count(*) FROM checkpoint c WHERE c.log_id = log.log_id) AS checkpoints
       FROM log WHERE tenant = $1`,
    [tenant],
  );
  return rows;
}

/** Damaged as a disk would damage it; mended by being called. */
async function damage(tenant: string): Promise<() => Promise<void>> {
  const { rows } = await pool.query<{ root: Buffer }>('SELECT root FROM log WHERE tenant = $1', [tenant]);
  const set = async (root: Uint8Array | undefined) =>
    void (await pool.query('UPDATE log SET root = $2 WHERE tenant = $1', [tenant, root]));
  await set(Buffer.alloc(32));
  return () => set(rows[0]?.root);
}

describe('a partition without logs, adopted', () => {
  it('is led again, whether the database has nothing of it or knows an earlier commit', async () => {
    await start();
    await born('acme');
    for (const partition of [2, 0]) await maintain(['move', 'acme', String(partition)]);
    await eventually(async () => expect((await lastFactOf(nc, 'acme'))?.index).toBe(0));
    await stop();
    await pool.end();
    const backup = await takeBackup(world);
    pool = world.pool('ledger');
    await start();
    for (const partition of [1, 2, 0]) expect(maintain(['move', 'acme', String(partition)]).status).toBe(0);
    await stop();
    await pool.end();
    await backup.putBack();
    pool = world.pool('ledger');

    for (const partition of [0, 1, 2]) {
      expect(adopt(partition)).toMatchObject({
        status: 0,
        report: {
          partition,
          code: 'BEHIND_ANCHOR',
          adopted: true,
          logs: partition === 0 ? 1 : 0,
          not_adopted: [],
        },
      });
      await expectAnchored(partition);
      expect(maintain(['adopt', '--partition', String(partition)])).toMatchObject({
        status: 0,
        report: { needed: false },
      });
    }
    await start();
    await expectSigns();
    for (const partition of [1, 2]) {
      expect(maintain(['move', 'acme', String(partition)]).status).toBe(0);
      await receiptOf('acme');
      await expectAnchored(partition);
    }
  });

  it('is one that an installation can have', () => {
    expect(adopt(256)).toMatchObject({ status: 2, said: expect.stringContaining('from 0 to 255') });
    expect(maintain(['adopt', '--partition', 'first']).status).toBe(2);
    expect(maintain(['adopt', '--partition', '255'])).toMatchObject({ status: 0, report: { needed: false } });
  });
});

describe('while one log key gives way to another', () => {
  it('adopts logs of both, each entry by the key of its own log and each checkpoint by both', async () => {
    const overlap = keys('log-2', 'log');
    await start(overlap);
    await born('older');
    await born('newer', 0, testKey('log-2'));
    await stop();
    await loseAnchors();

    expect(adopt(0, overlap)).toMatchObject({
      status: 0,
      report: { adopted: true, logs: 2, not_adopted: [] },
    });
    await start(overlap);
    for (const tenant of ['older', 'newer']) {
      const { rows } = await pool.query<{ note: string }>(
        'SELECT note FROM checkpoint JOIN log USING (log_id) WHERE tenant = $1 AND checkpoint.size = 2',
        [tenant],
      );
      const own = tenant === 'older' ? ['log', 'log-2'] : ['log-2', 'log'];
      const signers = parseNote(rows[0]?.note ?? '').signatures.map(({ keyId }) => keyId);
      const idOf = (key: string) => toVkey(`${TEST_ORIGIN}/${tenant}`, testKey(key).signer.publicKey).keyId;
      expect(signers).toEqual(own.map(idOf));
      const receipt = await receiptOf(tenant);
      expect(receipt.index).toBe(2);
      expect(parseNote(parseProof(receipt.merkle).checkpoint).signatures[0]?.keyId).toBe(idOf(own[0] ?? ''));
    }
    expect(maintain(['fsck', '--thorough'], overlap)).toMatchObject({ status: 0 });
  });

  it('refuses one key in both places', () => {
    expect(adopt(0, keys('log', 'log'))).toMatchObject({
      status: 2,
      said: expect.stringContaining('is the same key'),
    });
  });
});

describe('a log that cannot be signed', () => {
  it('is left out when its tree is damaged; the others go on, and so does it when it is mended', async () => {
    await start();
    for (const tenant of ['acme', 'umbra', 'hooli']) await born(tenant);
    await stop();
    await loseAnchors();
    const mend = await damage('umbra');
    const before = await rowsOf('umbra');

    // by the person's own command, with nothing between it and the ledger's maintenance
    const { kid, seed } = testKey('operator');
    const operator = world.writeFile('person.json', JSON.stringify({ kid, seed, token: 'x', services: [] }));
    expect(
      runNode(
        [
          '--conditions=@logline/source',
          CLI,
          'log',
          'adopt',
          '--i-know',
          '--operator-key-file',
          operator,
          '--json',
        ],
        { LOGLINE_LEDGER_COMMAND: `${process.execPath} ${MAINTAIN}` },
      ),
    ).toMatchObject({
      status: 3,
      report: {
        adopted: true,
        logs: 3,
        not_adopted: [{ tenant: 'umbra', why: expect.stringContaining('do not lead to its root') }],
      },
    });
    await expectAnchored(0);
    expect(await rowsOf('umbra')).toEqual(before);

    await start();
    await expectSigns();
    for (const tenant of ['acme', 'hooli']) expect((await receiptOf(tenant)).index).toBe(2);
    const [ack] = await gate.submit([{ cause: stopSpanOf('umbra', ++nth) }], { tenant: 'umbra' });
    expect(ack).toMatchObject({ code: '500_INTERNAL' });
    expect(await rowsOf('umbra')).toEqual(before);
    await mend();
    expect((await receiptOf('umbra')).index).toBe(1);
    expect(maintain(['fsck'])).toMatchObject({ status: 0, report: { ok: true, logs: 3 } });
  });

  it('is left out when its key is not held, and stays refused until it is', async () => {
    await start(keys('log', 'log-2'));
    await born('acme');
    await born('newer', 0, testKey('log-2'));
    await stop();
    await loseAnchors();
    const before = await rowsOf('newer');

    expect(adopt(0)).toMatchObject({
      status: 1,
      report: {
        adopted: true,
        not_adopted: [{ tenant: 'newer', why: expect.stringContaining('which the ledger does not hold') }],
      },
    });
    await expectAnchored(0);
    await start();
    expect((await receiptOf('acme')).index).toBe(2);
    const [ack] = await gate.submit([{ cause: stopSpanOf('newer', ++nth) }], { tenant: 'newer' });
    expect(ack).toMatchObject({ code: '503_UNAVAILABLE' });
    expect(await rowsOf('newer')).toEqual(before);
    await stop();
    await start(keys('log', 'log-2'));
    expect((await receiptOf('newer')).index).toBe(1);
  });

  it('whose key is not held is not passed over when it is the only one: the key file is wrong, and nothing is adopted', async () => {
    await start(keys('log', 'log-2'));
    await born('newer', 0, testKey('log-2'));
    await stop();
    await moveAnchorAhead();
    const before = await rowsOf('newer');
    const { anchor: ahead } = await anchorStore(await world.connect('ledger')).read(0);
    expect(adopt(0).status).toBe(2);
    expect(await rowsOf('newer')).toEqual(before);
    expect((await anchorStore(await world.connect('ledger')).read(0)).anchor).toEqual(ahead);
    expect(adopt(0, keys('log', 'log-2'))).toMatchObject({ status: 0, report: { not_adopted: [] } });
  });

  it('does not keep its partition from being led, though it is the only one', async () => {
    await start();
    await born('acme');
    await stop();
    await moveAnchorAhead();
    const mend = await damage('acme');
    expect(adopt(0)).toMatchObject({
      status: 1,
      report: { adopted: true, not_adopted: [{ tenant: 'acme' }] },
    });
    await expectAnchored(0);
    await start();
    await expectSigns();
    await mend();
    expect((await receiptOf('acme')).index).toBe(1);
  });
});
