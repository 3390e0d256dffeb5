import { blake3Hash, signObjectSync } from '@logline/canon-sign';
import { type Ack, formatInstant, type Receipt } from '@logline/contracts';
import { createLog } from '@logline/service';
import {
  eventually,
  logRotatedSpan,
  NOW_MS,
  RUNNER,
  signedSpan,
  type SignedSpan,
  TENANT,
  TestLog,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
} from '@logline/testing';
import { appendBatch, emptyTiledEdge, formatProof, leafHash, signCheckpoint, toVkey } from '@logline/tlog';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Plan } from '../src/domain/plan.ts';
import { Memory } from '../src/journal/memory.ts';
import { Reporter } from '../src/report/reporter.ts';

const log = createLog({ name: 'test', level: 'silent' });
const directory = mkdtempSync(join(tmpdir(), 'logline-rotation-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const ORIGIN = `${TEST_ORIGIN}/${TENANT}`;
const PINS = {
  tenant: TENANT,
  rootKey: testKey('root').pub,
  logKey: toVkey(ORIGIN, testKey('log').signer.publicKey),
};
const FROM_MS = NOW_MS + 60_000;
const report = signedSpan({
  intent: 'deploy.failed',
  subject: `urn:minicontainer:${TENANT}/web`,
  payload: {
    deploy: 'urn:span:0193562b-9c00-7000-8000-000000000001',
    lease: 1,
    why: 'engine_error',
    message: 'x',
  },
  key: testKey(`runner-${RUNNER}`),
});

/** Of the third entry of the log: all that a reporter looks at is signed by this key. */
function receiptBy(name: string, { span, bytes }: SignedSpan): Receipt {
  const { signer } = testKey(name);
  const before = [tenantCreatedSpan(), logRotatedSpan({ next: testKey('log-2'), fromMs: FROM_MS })];
  const leaves = [...before.map((one) => one.bytes), bytes].map(leafHash);
  const { edge, root, proofs } = appendBatch(emptyTiledEdge(), leaves);
  const checkpoint = signCheckpoint({ origin: ORIGIN, size: edge.size, root }, [{ name: ORIGIN, signer }]);
  const merkle = formatProof({ index: 2n, hashes: proofs[2] ?? [], checkpoint });
  const unsigned = {
    ts: formatInstant(FROM_MS),
    hash: blake3Hash(bytes),
    merkle,
    this: span.this,
    log: ORIGIN,
    index: 2,
  };
  return signObjectSync('receipt', unsigned, signer);
}

async function reporting(journal: string, receipt: Receipt) {
  const memory = await Memory.open({ directory: join(directory, journal), runner: RUNNER, pins: PINS });
  const asked = Promise.withResolvers<void>();
  const ack: Ack = { status: 'ok', this: receipt.this, trace_id: 'f'.repeat(32), receipt };
  const reporter = new Reporter({
    memory,
    log,
    submit: async () => {
      asked.resolve();
      return [ack];
    },
  });
  const fatal: unknown[] = [];
  reporter.start((error) => fatal.push(error));
  const said = {
    this: report.span.this,
    intent: report.span.intent,
    lease: 1,
    trace: 'f'.repeat(32),
    entry: new TextDecoder().decode(report.bytes),
  };
  // any record that says something does; this one concerns no run
  const stop = { lease: 1 } as Plan; // the rest of the plan is not looked at
  await memory.record(() => [{ t: 'stopHandled', stop, said: [said] }]);
  await asked.promise;
  const facts = new TestLog();
  const read = (spans: readonly SignedSpan[]) =>
    memory.record(() =>
      facts.append(spans).map(({ bytes, place }) => ({
        t: 'fact',
        entry: new TextDecoder().decode(bytes),
        place,
        sequence: place.index + 1,
      })),
    );
  const close = async () => {
    await reporter.stop();
    await memory.close();
  };
  return { memory, fatal, read, close };
}

test('a report whose receipt is by the next key waits until the runner has read of that key, and is then done', async () => {
  const { memory, fatal, read, close } = await reporting('waits', receiptBy('log-2', report));
  await read([tenantCreatedSpan()]);
  expect(memory.state.outbox).toHaveLength(1);
  await read([logRotatedSpan({ next: testKey('log-2'), fromMs: FROM_MS })]);
  await eventually(() => expect(memory.state.outbox).toHaveLength(0));
  expect(fatal).toEqual([]);
  await close();
});

test('a report waits for no key when it is stopped, and is sent again by the next process', async () => {
  const { memory, fatal, close } = await reporting('stopped', receiptBy('log-2', report));
  await close();
  expect(memory.state.outbox).toHaveLength(1);
  expect(fatal).toEqual([]);
});

test('a receipt by a key that the log never named ends the runner once it has read so far', async () => {
  const { memory, fatal, read, close } = await reporting('never', receiptBy('stranger', report));
  await read([tenantCreatedSpan(), logRotatedSpan({ next: testKey('log-2'), fromMs: FROM_MS })]);
  expect(fatal).toEqual([]);
  await read([
    signedSpan({
      intent: 'registry.apikey.revoke',
      subject: `urn:tenant:${TENANT}`,
      payload: { token_id: 'tok1' },
    }),
  ]);
  await eventually(() => expect(fatal).toMatchObject([{ code: 'LOG_MISMATCH' }]));
  expect(memory.state.outbox).toHaveLength(1);
  await close();
});
