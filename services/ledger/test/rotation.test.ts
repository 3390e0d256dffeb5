import { type Ack, formatInstant, type Receipt } from '@logline/contracts';
import {
  eventually,
  logRotatedSpan,
  signedSpan,
  type SignedSpan,
  startWorld,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
  type World,
} from '@logline/testing';
import {
  formatVkey,
  logKeyAt,
  type LogKeys,
  parseNote,
  parseProof,
  pinLogKey,
  toVkey,
  verifyNote,
  verifyReceiptInTime,
  verifyRotation,
} from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FakeGate, type Judged } from './fake-gate.ts';
import { readFactsOf } from './facts-of.ts';
import {
  buildLedger,
  LEDGER_DIR,
  ledgerEnv,
  type LedgerProcess,
  migrateLedger,
  startLedger,
} from './ledger-process.ts';

let world: World;
let gate: FakeGate;
let test: NatsConnection;
let ledger: LedgerProcess | undefined;
beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger-rotation' });
  migrateLedger(ledgerEnv(world));
  gate = await FakeGate.open(world);
  test = await world.connect('test');
});
afterEach(async () => await stop());
afterAll(async () => await world?.close());

type Listed = { readonly keys: readonly { readonly tenant: string }[] };

/** The chore, beside whatever ledger runs. */
function logKeys(...args: readonly string[]): {
  readonly status: number | null;
  readonly report: Listed | null;
} {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(LEDGER_DIR, 'dist', 'maintain.js'), 'log-keys', ...args],
    { env: { ...process.env, ...ledgerEnv(world) }, encoding: 'utf8' },
  );
  return { status, report: stdout === '' ? null : (JSON.parse(stdout) as Listed) }; // its own report
}

async function stop(): Promise<void> {
  await ledger?.stop();
  ledger = undefined;
}

/** The ledger as a process of its own, holding these keys and no others. */
async function restart(key: string, next?: string): Promise<void> {
  await stop();
  const fileOf = (name: string): string =>
    world.env('X', 'ledger', { key: name })['X_KEY_FILE'] ?? 'no key file';
  ledger = await startLedger(
    ledgerEnv(world, {
      LOGLINE_LEDGER_KEY_FILE: fileOf(key),
      ...(next === undefined ? {} : { LOGLINE_LEDGER_NEXT_KEY_FILE: fileOf(next) }),
    }),
  );
}

const vkey = (tenant: string, key: string) =>
  toVkey(`${TEST_ORIGIN}/${tenant}`, testKey(key).signer.publicKey);
const signersOf = (receipt: Receipt): readonly string[] =>
  parseNote(parseProof(receipt.merkle).checkpoint).signatures.map(({ keyId }) => keyId);

async function say(tenant: string, judged: Judged): Promise<Ack> {
  const [ack] = await gate.submit([judged], { tenant });
  if (ack === undefined) throw new Error('no ack came');
  return ack;
}

async function receiptOf(tenant: string, cause: SignedSpan, more: Partial<Judged> = {}): Promise<Receipt> {
  const ack = await say(tenant, { cause, ...more });
  if (ack.status !== 'ok') throw new Error(`refused: ${JSON.stringify(ack)}`);
  return ack.receipt;
}

const born = (tenant: string, log = testKey('log')): Promise<Receipt> =>
  receiptOf(tenant, tenantCreatedSpan({ tenant, log }), { role: 'operator', writes: ['tenant'] });

const stopSpan = (tenant: string, nth: number): SignedSpan =>
  signedSpan({
    intent: 'deploy.stop',
    subject: `urn:minicontainer:${tenant}/web`,
    payload: { target: { provider: 'docker' } },
    nth,
  });

const rotate: Partial<Judged> = { role: 'operator', writes: ['log-key'] };

describe('a log whose key gives way to another', () => {
  it('is one history by the pinned key alone, across restarts with other keys, and gives old receipts byte for byte', async () => {
    const tenant = 'overlap';
    let keys: LogKeys = pinLogKey(vkey(tenant, 'log'));
    const held: { readonly span: SignedSpan; readonly receipt: Receipt }[] = [];
    const append = async (nth: number): Promise<Receipt> => {
      const span = stopSpan(tenant, nth);
      const receipt = await receiptOf(tenant, span);
      verifyReceiptInTime({ receipt, spanBytes: span.bytes }, keys);
      held.push({ span, receipt });
      return receipt;
    };

    await restart('log');
    await born(tenant);
    const [first, second] = [vkey(tenant, 'log'), vkey(tenant, 'log-2')];
    expect(signersOf(await append(1))).toEqual([first.keyId]);

    await restart('log', 'log-2');
    const overlapping = await append(2);
    expect(signersOf(overlapping)).toEqual([first.keyId, second.keyId]);
    const { checkpoint } = parseProof(overlapping.merkle);
    expect(verifyNote(checkpoint, [first, second]).signers).toEqual([first, second]);

    const fromMs = Date.now() + 2_000;
    const rotation = logRotatedSpan({ tenant, next: testKey('log-2'), fromMs });
    const receipt = await receiptOf(tenant, rotation, rotate);
    keys = verifyRotation({ receipt, spanBytes: rotation.bytes }, keys);
    held.push({ span: rotation, receipt });
    expect(logKeyAt(keys, fromMs - 1)).toEqual(first);
    // also a leader that has to read the log's keys from its tables changes over
    await restart('log', 'log-2');
    let nth = 10;
    await eventually(async () => {
      const { ts, merkle } = await append(++nth);
      expect(verifyNote(parseProof(merkle).checkpoint, [first, second]).signers).toHaveLength(2);
      expect(Date.parse(ts)).toBeGreaterThanOrEqual(fromMs);
    });
    const byNew = held.filter(({ receipt: { ts } }) => Date.parse(ts) >= fromMs);
    expect(byNew.length).toBeGreaterThan(0);
    for (const { span, receipt: late } of byNew)
      expect(() => verifyReceiptInTime({ receipt: late, spanBytes: span.bytes }, pinLogKey(first))).toThrow(
        'not signed by the key of its log',
      );

    await restart('log-2');
    expect(signersOf(await append(100))).toEqual([second.keyId]);
    for (const { span, receipt: earlier } of held) {
      const again = await receiptOf(tenant, span);
      expect(JSON.stringify(again)).toBe(JSON.stringify(earlier));
      verifyReceiptInTime({ receipt: again, spanBytes: span.bytes }, keys);
    }
    const facts = await readFactsOf(test, tenant, held.length + 1);
    expect(facts.map(({ place }) => place.index)).toEqual(facts.map((_, at) => at));
  });

  it('stands still while its key is missing, and goes on when it is back', async () => {
    const tenant = 'too-early';
    await restart('log');
    await born(tenant);
    const span = stopSpan(tenant, 1);
    const receipt = await receiptOf(tenant, span);
    await restart('log-2');
    expect(await say(tenant, { cause: stopSpan(tenant, 2) })).toMatchObject({
      status: 'invalid',
      code: '503_UNAVAILABLE',
      details: [{ message: expect.stringContaining('which the ledger does not hold') }],
    });
    expect(await receiptOf(tenant, span)).toEqual(receipt);
    // one that is born now is of the key that is there
    await born('newborn', testKey('log-2'));
    await restart('log-2', 'log');
    const back = await receiptOf(tenant, stopSpan(tenant, 2));
    expect(signersOf(back)).toEqual([vkey(tenant, 'log').keyId, vkey(tenant, 'log-2').keyId]);
    await receiptOf('newborn', stopSpan('newborn', 1));
  });

  it('is not led to a key that the ledger does not hold, to another name, or past its order', async () => {
    const tenant = 'lies';
    await restart('log', 'log-2');
    await born(tenant);
    const fromMs = Date.now() + 3_600_000;
    const [next, stranger] = [testKey('log-2'), testKey('stranger')];
    const lies: readonly (readonly [SignedSpan, Partial<Judged>, string])[] = [
      [logRotatedSpan({ tenant, next: stranger, fromMs }), rotate, 'holds no other keys'],
      [
        logRotatedSpan({ tenant, next, fromMs, origin: `evil.test/${tenant}` }),
        rotate,
        'holds no other keys',
      ],
      [
        logRotatedSpan({ tenant, next, fromMs, previous: stranger }),
        rotate,
        'previous is not the key in force',
      ],
      [logRotatedSpan({ tenant, next, fromMs: 1 }), rotate, 'from is not in the future'],
      [logRotatedSpan({ tenant, next, fromMs }), { role: 'operator' }, 'unmarked'],
    ];
    for (const [cause, more, message] of lies) {
      expect(await say(tenant, { cause, ...more })).toMatchObject({
        code: '422_SCHEMA_INVALID',
        details: [{ message: expect.stringContaining(message) }],
      });
    }
    await receiptOf(tenant, logRotatedSpan({ tenant, next, fromMs }), rotate);
    const again = logRotatedSpan({ tenant, next, fromMs: fromMs + 1 });
    expect(await say(tenant, { cause: again, ...rotate })).toMatchObject({
      details: [{ message: expect.stringContaining('another rotation is under way') }],
    });
  });

  it('says by which key each log is signed, and whom it is still to be led away from another', async () => {
    await restart('log', 'log-2');
    await born('left');
    await born('going');
    await born('new', testKey('log-2'));
    const fromMs = Date.now() + 3_600_000;
    const next = testKey('log-2');
    await receiptOf('going', logRotatedSpan({ tenant: 'going', next, fromMs }), rotate);
    const key = (tenant: string, name: string): string =>
      formatVkey(`${TEST_ORIGIN}/${tenant}`, testKey(name).signer.publicKey);
    expect(logKeys()).toMatchObject({
      status: 0,
      report: {
        ok: true,
        keys: expect.arrayContaining([
          { tenant: 'left', log_key: key('left', 'log') },
          {
            tenant: 'going',
            log_key: key('going', 'log'),
            next: { log_key: key('going', 'log-2'), from: formatInstant(fromMs) },
          },
          { tenant: 'new', log_key: key('new', 'log-2') },
          // its time has come in a test before this one
          { tenant: 'overlap', log_key: key('overlap', 'log-2') },
        ]),
      },
    });
    const left = logKeys('--to', next.pub);
    const tenants = (left.report?.keys ?? []).map(({ tenant }) => tenant);
    expect(left).toMatchObject({ status: 1, report: { ok: false, left: tenants.length } });
    expect(tenants).toContain('left');
    for (const tenant of ['going', 'new', 'overlap']) expect(tenants).not.toContain(tenant);
    await receiptOf('left', logRotatedSpan({ tenant: 'left', next, fromMs }), rotate);
    expect(logKeys('--to', next.pub, '--tenant', 'left')).toMatchObject({
      status: 0,
      report: { ok: true, logs: 1, left: 0, keys: [] },
    });
    for (const wrong of [['--to', 'nonsense'], ['--tenant', 'nobody'], ['--what'], ['more']])
      expect([wrong, logKeys(...wrong).status]).toEqual([wrong, 2]);
  });

  it('does not start with one key in both places', async () => {
    await expect(restart('log', 'log')).rejects.toThrow('is the same key');
  });
});
