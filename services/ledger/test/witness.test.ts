import { type Ack, cosignedOf, type Receipt, STREAMS } from '@logline/contracts';
import { callApi, lastFactOf } from '@logline/jetstream';
import {
  eventually,
  newWitness,
  type SignedSpan,
  startWitness,
  startWorld,
  TEST_ORIGIN,
  testKey,
  type TestWitness,
  type WitnessProcess,
  type World,
} from '@logline/testing';
import {
  cosignaturesOf,
  formatVkey,
  parseCosignerKey,
  parseVkey,
  verifyCheckpoint,
  verifyReceipt,
} from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anchorStore } from '../src/anchor/anchor.store.ts';
import { moveTenant } from '../src/move/move-tenant.ts';
import { FakeGate } from './fake-gate.ts';
import { buildLedger, ledgerEnv, type LedgerProcess, migrateLedger, startLedger } from './ledger-process.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { createTenant, stopSpanOf, Traffic } from './traffic.ts';

const TENANTS = [
  'alpha',
  'beta',
  'gamma',
  'delta',
  'epsilon',
  'zeta',
  'eta',
  'theta',
  'iota',
  'kappa',
  'lambda',
  'mu',
];
const vkeyOf = (tenant: string): string =>
  formatVkey(`${TEST_ORIGIN}/${tenant}`, testKey('log').signer.publicKey);

let world: World;
let gate: FakeGate;
let test: NatsConnection;
let ledger: LedgerProcess;
let made: readonly TestWitness[];
const running: WitnessProcess[] = [];
const ports: number[] = [];

beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger-witness' });
  migrateLedger(ledgerEnv(world));
  gate = await FakeGate.open(world);
  test = await world.connect('test');
  made = [1, 2].map((nth) =>
    newWitness(join(world.dir, `w${nth}`), `witness.example/w${nth}`, TENANTS.map(vkeyOf)),
  );
  for (const nth of [0, 1]) {
    await start(nth);
    ports[nth] = Number(new URL(running[nth]?.url ?? '').port);
  }
});
afterAll(async () => {
  await Promise.all(running.map((one) => one.kill()));
  await world?.close();
});
beforeEach(async () => {
  for (const nth of [0, 1]) await start(nth);
});
afterEach(async () => void (await ledger?.kill()));

async function start(nth: number): Promise<void> {
  const one = made[nth];
  if (one === undefined || running[nth] !== undefined) return;
  running[nth] = await startWitness(one, { port: ports[nth] ?? 0 });
}

async function kill(nth: number): Promise<void> {
  await running[nth]?.kill();
  delete running[nth];
}

async function startWitnessed(
  more: Readonly<Record<string, string>> = {},
  of: World = world,
  besides: Readonly<Record<string, string>> = {},
): Promise<LedgerProcess> {
  const policy = [
    ...made.map(({ vkey }, nth) => `witness w${nth + 1} ${vkey} http://127.0.0.1:${ports[nth]}`),
    'group both all w1 w2',
    'quorum both',
    '',
  ].join('\n');
  const settings = { POLICY_FILE: of.writeFile('policy', policy), EVERY_MS: '0', ...more };
  const env = Object.entries(settings).map(([key, value]) => [`LOGLINE_LEDGER_WITNESS_${key}`, value]);
  const process = await startLedger({ ...ledgerEnv(of), ...Object.fromEntries(env), ...besides });
  await eventually(async () => expect((await readyz(process)).state['partition 0']).toContain('leader'));
  return process;
}

type Readyz = { readonly checks: Record<string, string>; readonly state: Record<string, string> };
async function readyz({ url }: LedgerProcess): Promise<Readyz> {
  return (await (await fetch(`${url}/readyz`)).json()) as Readyz; // the service's own document
}

async function metricOf({ url }: LedgerProcess, line: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.split(' ')
      .at(-1) ?? Number.NaN,
  );
}

/** The newest cosigned checkpoint that the ledger has sent out: verified, and by whom it is cosigned. */
async function cosigned(tenant: string): Promise<{ size: number; by: string[] }> {
  const { message } = (await callApi(test, `STREAM.MSG.GET.${STREAMS.cosigned}`, {
    last_by_subj: cosignedOf(tenant),
  })) as { message: { data: string } };
  const note = Buffer.from(message.data, 'base64').toString();
  const { size } = verifyCheckpoint(note, {
    origin: `${TEST_ORIGIN}/${tenant}`,
    vkeys: [parseVkey(vkeyOf(tenant))],
  });
  const by = cosignaturesOf(
    note,
    made.map(({ vkey }) => parseCosignerKey(vkey)),
  );
  return { size: Number(size), by: by.map(({ cosigner }) => cosigner.name).toSorted() };
}
const BOTH = ['witness.example/w1', 'witness.example/w2'];

async function submit(tenant: string, span: SignedSpan, waitMs = 10_000): Promise<Ack | undefined> {
  const [ack] = await gate.submit([{ cause: span }], { tenant, waitMs });
  return ack;
}

function receiptOf(ack: Ack | undefined, span: SignedSpan, tenant: string): Receipt {
  if (ack?.status !== 'ok') throw new Error(`no receipt: ${JSON.stringify(ack)}`);
  verifyReceipt({ receipt: ack.receipt, spanBytes: span.bytes, vkeys: [parseVkey(vkeyOf(tenant))] });
  return ack.receipt;
}

describe('with witnesses, receipts not waiting for them (fail_open)', () => {
  it('has the newest checkpoint cosigned by all, and sends it out with their lines', async () => {
    ledger = await startWitnessed();
    await createTenant(gate, 'alpha');
    // past a full tile, in many commits
    const commits = 40;
    for (let nth = 0; nth < commits; nth++)
      await gate.submit(
        Array.from({ length: 8 }, (_, at) => ({ cause: stopSpanOf('alpha', nth * 8 + at) })),
        { tenant: 'alpha' },
      );
    await eventually(async () => expect(await cosigned('alpha')).toEqual({ size: 321, by: BOTH }));
    const asked = await metricOf(ledger, 'ledger_witness_requests_total{witness="w1",answer="cosigned"}');
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(commits + 1);
    await eventually(async () => expect(await metricOf(ledger, 'ledger_uncosigned_logs')).toBe(0));
    expect((await readyz(ledger)).checks['witnessed history']).toBe('ok');
  });

  it('goes on without them, says so, and catches up when they are back', async () => {
    ledger = await startWitnessed();
    await createTenant(gate, 'beta');
    await eventually(async () => expect(await cosigned('beta')).toEqual({ size: 1, by: BOTH }));
    await kill(0);
    await kill(1);
    for (let nth = 0; nth < 5; nth++) {
      const span = stopSpanOf('beta', nth);
      expect(receiptOf(await submit('beta', span), span, 'beta').index).toBe(nth + 1);
    }
    await eventually(async () =>
      expect((await readyz(ledger)).state['witnesses']).toBe('no answer from w1, w2'),
    );
    expect(await metricOf(ledger, 'ledger_uncosigned_logs')).toBe(1);
    expect((await cosigned('beta')).size).toBe(1);
    await start(0);
    await start(1);
    await eventually(async () => expect(await cosigned('beta')).toEqual({ size: 6, by: BOTH }), {
      withinMs: 30_000,
    });
    expect((await readyz(ledger)).state['witnesses']).toBe('all answer');
  });

  it('remembers across a restart what was cosigned, and learns what it does not remember', async () => {
    ledger = await startWitnessed();
    await createTenant(gate, 'gamma');
    await eventually(async () => expect(await cosigned('gamma')).toEqual({ size: 1, by: BOTH }));
    await ledger.kill();
    await world
      .pool('ledger_owner')
      .query(`DELETE FROM ledger.cosignature WHERE witness LIKE 'witness.example/w1+%'`);
    ledger = await startWitnessed();
    await submit('gamma', stopSpanOf('gamma', 1));
    await eventually(async () => expect(await cosigned('gamma')).toEqual({ size: 2, by: BOTH }));
    expect(
      await metricOf(ledger, 'ledger_witness_requests_total{witness="w1",answer="conflict"}'),
    ).toBeGreaterThan(0);
  });
});

describe('with receipts that wait for the quorum (fail_closed)', () => {
  const CLOSED = { MODE: 'fail_closed' };

  it('gives no receipt without it, and the same one as ever once it stands', async () => {
    ledger = await startWitnessed(CLOSED);
    await createTenant(gate, 'delta');
    await kill(1);
    const span = stopSpanOf('delta', 1);
    const late = await submit('delta', span, 1_500);
    expect(late).toMatchObject({ status: 'invalid', code: '503_UNAVAILABLE', http_status: 503 });
    expect(late).toMatchObject({ details: [{ message: expect.stringContaining('not yet cosigned') }] });
    expect(late).not.toHaveProperty('receipt');
    // a retry waits as well, and is seen to
    const retry = submit('delta', span, 20_000);
    await eventually(async () => expect(await metricOf(ledger, 'ledger_held_requests')).toBe(1));
    expect((await readyz(ledger)).state['receipts']).toBe('of 1 requests wait for witnesses');
    // others commit meanwhile
    const other = stopSpanOf('delta', 2);
    const waiting = submit('delta', other, 20_000);
    await start(1);
    const receipt = receiptOf(await retry, span, 'delta');
    expect(receipt.index).toBe(1);
    expect(receiptOf(await waiting, other, 'delta').index).toBe(2);
    expect(receiptOf(await submit('delta', span), span, 'delta')).toEqual(receipt);
    expect(await cosigned('delta')).toMatchObject({ by: BOTH });
    expect(await metricOf(ledger, 'ledger_held_requests')).toBe(0);
  });

  it('answers what has no receipt at once', async () => {
    ledger = await startWitnessed(CLOSED);
    await kill(1);
    const [ack] = await gate.submit([{ cause: stopSpanOf('nobody', 1), reads: { tenant: 3 } }], {
      tenant: 'nobody',
      waitMs: 5_000,
    });
    expect(ack).toMatchObject({ status: 'invalid', code: '404_NOT_FOUND' });
  });

  it('keeps every promise while a witness is killed again and again under load', async () => {
    ledger = await startWitnessed(CLOSED);
    await createTenant(gate, 'epsilon');
    const traffic = new Traffic(gate, ['epsilon'], 8);
    for (let round = 0; round < 4; round++) {
      const target = traffic.held.length + 10;
      await eventually(() => expect(traffic.held.length).toBeGreaterThan(target), { withinMs: 30_000 });
      await kill(round % 2);
      await start(round % 2);
    }
    const held = await traffic.end();
    const newest = Math.max(...held.map(({ receipt }) => receipt.index));
    // whoever holds a receipt can be shown a quorum for it
    await eventually(async () => expect((await cosigned('epsilon')).size).toBeGreaterThan(newest));
    for (const { span, receipt } of held.slice(-20))
      expect(receiptOf(await submit('epsilon', span), span, 'epsilon')).toEqual(receipt);
    expect((await readyz(ledger)).checks['witnessed history']).toBe('ok');
  });
});

describe('cosignatures beyond the end of the log', () => {
  it('are those of a history that was lost: they cover nothing, also when the log has outgrown them', async () => {
    ledger = await startWitnessed();
    await createTenant(gate, 'iota');
    await eventually(async () => expect(await cosigned('iota')).toEqual({ size: 1, by: BOTH }));
    await ledger.kill();
    await world
      .pool('ledger_owner')
      .query(
        `UPDATE ledger.cosignature SET size = 3 WHERE log_id = (SELECT log_id FROM ledger.log WHERE tenant = 'iota')`,
      );
    await kill(1);
    ledger = await startWitnessed({ MODE: 'fail_closed' });
    for (let nth = 1; nth < 4; nth++)
      expect(await submit('iota', stopSpanOf('iota', nth), 1_000)).toMatchObject({ code: '503_UNAVAILABLE' });
    await start(1);
    const span = stopSpanOf('iota', 4);
    expect(receiptOf(await submit('iota', span), span, 'iota').index).toBe(4);
    await eventually(async () => expect(await cosigned('iota')).toEqual({ size: 5, by: BOTH }));
  });
});

describe('what the leader was not told of (fail_closed)', () => {
  const CLOSED = { MODE: 'fail_closed' };

  it('a commit whose answer was lost is witnessed, and its receipt given out', async () => {
    const proxy = await LossyProxy.open(world.postgresUrl('ledger'));
    try {
      const url = world.writeFile('lossy.url', proxy.url);
      ledger = await startWitnessed(CLOSED, world, { LOGLINE_LEDGER_POSTGRES_URL_FILE: url });
      await createTenant(gate, 'eta');
      const span = stopSpanOf('eta', 1);
      proxy.loseNextCommit();
      expect(receiptOf(await submit('eta', span), span, 'eta').index).toBe(1);
      expect(ledger.lines).toContainEqual(expect.objectContaining({ msg: 'a turn failed' }));
    } finally {
      await ledger.kill();
      await proxy.close();
    }
  });

  it('a tenant that has come from another partition gets the receipts of before, with no new commit', async () => {
    const parted = await startWorld({ name: 'ledger-parted', partitions: 2 });
    try {
      migrateLedger(ledgerEnv(parted));
      const moving = await startWitnessed(CLOSED, parted, { LOGLINE_LEDGER_PARTITIONS: '2' });
      try {
        const parts = await FakeGate.open(parted);
        const nats = await parted.connect('ledger');
        const pool = parted.pool('ledger');
        // so that both partitions have committed, and neither begins anew with the move
        for (const tenant of ['kappa', 'lambda', 'mu', 'theta']) await createTenant(parts, tenant);
        const { rows: stays } = await pool.query<{ tenant: string; partition: number }>(
          "SELECT tenant, partition FROM log WHERE tenant <> 'theta'",
        );
        expect(new Set(stays.map(({ partition }) => partition)).size).toBe(2);
        const span = stopSpanOf('theta', 1);
        const ask = async (partition: number) =>
          receiptOf(
            (await parts.submit([{ cause: span }], { tenant: 'theta', partition }))[0],
            span,
            'theta',
          );
        const receipt = await ask(0);
        for (let nth = 0; nth < 2; nth++) {
          const { rows } = await pool.query<{ partition: number }>(
            "SELECT partition FROM log WHERE tenant = 'theta'",
          );
          const away = 1 - Number(rows[0]?.partition);
          await moveTenant('theta', away, {
            pool,
            store: anchorStore(nats),
            lastPublished: async (of) => (await lastFactOf(nats, of))?.index ?? -1,
          });
          // the first its new leader hears of is for somebody else: it passes that on, and has nothing left to be in doubt about
          const elsewhere = stays.find(({ partition }) => partition !== away)?.tenant ?? '';
          await parts.submit([{ cause: stopSpanOf(elsewhere, 10 + nth) }], {
            tenant: elsewhere,
            partition: away,
          });
          expect(await ask(away)).toEqual(receipt);
        }
        expect((await readyz(moving)).checks['witnessed history']).toBe('ok');
        expect(moving.lines.map(({ msg }) => msg)).not.toContain('standby');
      } finally {
        await moving.kill();
      }
    } finally {
      await parted.close();
    }
  });
});

describe('a log with another past than the one its witnesses know', () => {
  it('is called a fork by them, and the ledger says so loudly, now and when it has outgrown the first', async () => {
    ledger = await startWitnessed();
    await createTenant(gate, 'zeta');
    for (let nth = 0; nth < 3; nth++) await submit('zeta', stopSpanOf('zeta', nth));
    await eventually(async () => expect(await cosigned('zeta')).toEqual({ size: 4, by: BOTH }));
    await ledger.kill();

    // the same log again by name and key, and nothing else: what an old copy, or a second installation, comes to
    const copy = await startWorld({ name: 'ledger-fork' });
    try {
      migrateLedger(ledgerEnv(copy));
      const fork = await startWitnessed({}, copy);
      try {
        const copyGate = await FakeGate.open(copy);
        await createTenant(copyGate, 'zeta');
        const history = 'witnessed history';
        await eventually(async () =>
          expect((await readyz(fork)).checks[history]).toContain(
            'it has cosigned 4 leaves, and this log has only 1',
          ),
        );
        expect(await metricOf(fork, 'ledger_witness_contradictions')).toBe(2);
        expect(fork.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toContainEqual(
          expect.stringContaining('THIS LOG IS A FORK'),
        );
        await fork.kill();
        const again = await startWitnessed({}, copy);
        for (let nth = 10; nth < 20; nth++)
          await copyGate.submit([{ cause: stopSpanOf('zeta', nth) }], { tenant: 'zeta' });
        await again.kill();
        const grown = await startWitnessed({}, copy);
        await eventually(async () => expect((await readyz(grown)).checks[history]).toContain('422'));
        await grown.kill();
      } finally {
        await fork.kill();
      }
    } finally {
      await copy.close();
    }
    expect(await cosigned('zeta')).toEqual({ size: 4, by: BOTH });
  });
});

describe('a policy', () => {
  it.each([
    ['is no policy', 'witness\n'],
    ['has a witness without an address', 'W'],
    ['names no witness', 'quorum none\n'],
  ])('that %s keeps the ledger from starting', async (_, text) => {
    const policy = text === 'W' ? `witness w ${made[0]?.vkey}\nquorum w\n` : text;
    const path = world.writeFile('bad-policy', policy);
    await expect(
      startLedger({ ...ledgerEnv(world), LOGLINE_LEDGER_WITNESS_POLICY_FILE: path }),
    ).rejects.toThrow(/BAD_POLICY/);
  });
});
