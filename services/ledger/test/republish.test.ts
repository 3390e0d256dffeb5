import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FACT_HEADERS, STREAMS } from '@logline/contracts';
import { lastFactOf, nextFactOf } from '@logline/jetstream';
import { eventually, startWorld, TEST_ORIGIN, testKey, type World } from '@logline/testing';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAppendBench } from './append-bench.ts';
import { readFactsOf } from './facts-of.ts';
import { buildLedger, ledgerEnv, migrateLedger, startLedger } from './ledger-process.ts';
import { seedLog } from './seed-log.ts';

const MAINTAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'maintain.js');
const SIZES = { acme: 1_203, umbra: 40 } as const;

let world: World;
let env: Readonly<Record<string, string>>;
let nc: NatsConnection;

beforeAll(async () => {
  buildLedger();
  world = await startWorld({ name: 'ledger-republish' });
  env = ledgerEnv(world);
  migrateLedger(env);
  nc = await world.connect('test');
  // without a stream: all of it is committed, and nothing is published
  const bench = await openAppendBench({
    postgresUrl: world.postgresUrl('ledger'),
    signer: testKey('log').signer,
    origin: TEST_ORIGIN,
  });
  for (const [tenant, entries] of Object.entries(SIZES))
    await seedLog(bench, { tenant, entries, perEnvelope: 60 });
  await bench.close();
});

afterAll(async () => await world?.close());

const republish = (...args: readonly string[]) => chore('republish', ...args);

function chore(...args: readonly string[]): { code: number; report: unknown; says: string } {
  try {
    const stdout = execFileSync(process.execPath, [MAINTAIN, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { code: 0, report: JSON.parse(stdout.toString()), says: '' };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: Buffer; stderr: Buffer }; // of execFileSync
    const text = stdout.toString();
    return { code: status, report: text === '' ? undefined : JSON.parse(text), says: stderr.toString() };
  }
}

async function storedMessages(): Promise<number> {
  const { state } = (await nc.request(`$JS.API.STREAM.INFO.${STREAMS.facts}`)).json<{
    state: { messages: number };
  }>();
  return state.messages;
}

describe('republish', () => {
  it('stores what the stream lacks, one log or all, in log order, and nothing twice', async () => {
    expect(republish('--tenant', 'umbra')).toMatchObject({
      code: 0,
      report: { ok: true, logs: 1, published: 40 },
    });
    expect(await lastFactOf(nc, 'acme')).toBeNull();
    expect(republish()).toMatchObject({ code: 0, report: { ok: true, logs: 2, published: SIZES.acme } });
    expect(republish()).toMatchObject({ code: 0, report: { ok: true, published: 0 } });
    for (const [tenant, size] of Object.entries(SIZES)) {
      const facts = await readFactsOf(nc, tenant, size);
      expect(facts.map(({ place }) => place.index)).toEqual(facts.map((_, at) => at));
    }
    expect(await storedMessages()).toBe(SIZES.acme + SIZES.umbra);
  });

  it('brings the same facts back that a ledger has published, when the stream has lost them', async () => {
    const ledger = await startLedger(env);
    await eventually(() => expect(ledger.lines.some(({ msg }) => msg === 'leading')).toBe(true));
    const before = await readFactsOf(nc, 'acme', SIZES.acme);
    // it leads: nobody fills up beside it
    expect(republish()).toMatchObject({ code: 2, says: expect.stringContaining('stop it first') });
    await ledger.stop();
    // as after the loss of its disk: neither facts nor the memory of their ids
    await recreateFacts();
    expect(await storedMessages()).toBe(0);
    expect(republish()).toMatchObject({ code: 0, report: { published: SIZES.acme + SIZES.umbra } });
    const after = await readFactsOf(nc, 'acme', SIZES.acme);
    const withoutSequence = (facts: typeof after) =>
      facts.map(({ bytes, place, subject }) => ({ bytes: Buffer.from(bytes).toString(), place, subject }));
    expect(withoutSequence(after)).toEqual(withoutSequence(before));
  });

  it('is what fsck --facts holds against the log: a fact that was changed, moved or made up is named', async () => {
    expect(chore('fsck', '--facts')).toMatchObject({ code: 0, report: { ok: true, faults: [] } });
    const [fact] = await readFactsOf(nc, 'umbra', SIZES.umbra);
    if (fact === undefined) throw new Error('no facts');
    const { config } = (await nc.request(`$JS.API.STREAM.INFO.${STREAMS.facts}`)).json<{ config: object }>();
    expect(config).toMatchObject({ deny_delete: true });
    // the same fact once more, where the next one belongs
    const message = await nextFactOf(nc, 'umbra', 1);
    if (message === null) throw new Error('no fact');
    const again = headers();
    const names = ['id', 'source', 'type', 'subject', 'time', 'specversion', 'datacontenttype'];
    for (const name of [...Object.values(FACT_HEADERS), ...names.map((one) => `ce-${one}`)])
      if (message.header(name) !== '') again.set(name, message.header(name));
    await nc.request(message.subject, message.body, { headers: again, timeout: 5_000 });
    expect(chore('fsck', '--facts', '--tenant', 'umbra')).toMatchObject({
      code: 1,
      report: {
        faults: [{ log: 'umbra', index: 1, column: 'FACTS', why: expect.stringContaining('broke off') }],
      },
    });
    await recreateFacts();
    again.set(FACT_HEADERS.traceparent, `00-${'a'.repeat(32)}-${'a'.repeat(16)}-01`);
    await nc.request(message.subject, message.body, { headers: again, timeout: 5_000 });
    expect(chore('fsck', '--facts', '--tenant', 'umbra')).toMatchObject({
      code: 1,
      report: {
        faults: [{ log: 'umbra', index: 0, column: 'FACTS', why: expect.stringContaining('header') }],
      },
    });
  });

  it('again stores all of a log once more behind what is there, as often as it is asked', async () => {
    await recreateFacts();
    expect(republish('--tenant', 'umbra')).toMatchObject({ code: 0, report: { published: 40 } });
    for (const from of [0, 30])
      expect(republish('--again', '--tenant', 'umbra', '--from', String(from))).toMatchObject({
        code: 0,
        report: { ok: true, logs: 1, published: 40 - from },
      });
    expect(await storedMessages()).toBe(90);
    const facts = await readFactsOf(nc, 'umbra', 90);
    expect(facts.map(({ place }) => place.index)).toEqual(
      [0, 0, 30].flatMap((from) => Array.from({ length: 40 - from }, (_, at) => from + at)),
    );
    expect(facts[0]?.place).toEqual(facts[40]?.place);
    expect(chore('fsck', '--facts', '--tenant', 'umbra')).toMatchObject({ code: 0, report: { faults: [] } });
    // nothing is left out behind what has gone out, whatever is asked
    expect(republish('--again', '--tenant', 'acme', '--from', '1000')).toMatchObject({
      report: { ok: true, published: SIZES.acme },
    });
  });

  it('refuses to publish behind facts that the database does not have', async () => {
    await recreateFacts();
    expect(republish('--tenant', 'umbra')).toMatchObject({ code: 0 });
    const message = await nextFactOf(nc, 'umbra', 40);
    if (message === null) throw new Error('no fact');
    const beyond = headers();
    for (const name of Object.values(FACT_HEADERS))
      if (message.header(name) !== '') beyond.set(name, message.header(name));
    beyond.set(FACT_HEADERS.index, '40');
    await nc.request(message.subject, message.body, { headers: beyond, timeout: 5_000 });
    for (const how of [[], ['--again']])
      expect(republish(...how, '--tenant', 'umbra')).toMatchObject({
        code: 2,
        says: expect.stringContaining('fact 40 of umbra, whose log ends with 39'),
      });
  });

  it('from an index leaves out what is before it, where the stream holds none of the log', async () => {
    await recreateFacts();
    expect(republish('--tenant', 'acme', '--from', '1200')).toMatchObject({
      code: 0,
      report: { published: 3 },
    });
    expect((await lastFactOf(nc, 'acme'))?.index).toBe(SIZES.acme - 1);
    expect(republish('--from', 'x')).toMatchObject({
      code: 2,
      says: expect.stringContaining('usage: republish'),
    });
    expect(republish('--tenant', 'nobody')).toMatchObject({
      code: 2,
      says: expect.stringContaining('no log of nobody'),
    });
  });
});

/** Removed and made again, as it was configured. */
async function recreateFacts(): Promise<void> {
  const migrator = await world.connect('test');
  const name = STREAMS.facts;
  const { config } = (await migrator.request(`$JS.API.STREAM.INFO.${name}`)).json<{ config: object }>();
  await migrator.request(`$JS.API.STREAM.DELETE.${name}`);
  const { error } = (await migrator.request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify(config))).json<{
    error?: object;
  }>();
  expect(error).toBeUndefined();
}
