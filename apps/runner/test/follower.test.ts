import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { utf8 } from '@logline/canon-sign';
import { runnerUser, type Span } from '@logline/contracts';
import { publishFacts, toFactMessage } from '@logline/jetstream';
import { createLog } from '@logline/service';
import { eventually, RUNNER, startWorld, TEST_ORIGIN, testKey, type World } from '@logline/testing';
import { toVkey } from '@logline/tlog';
import { Follower } from '../src/follow/follower.ts';
import { Memory } from '../src/journal/memory.ts';
import { Tenant } from './tenant.ts';

const log = createLog({ name: 'test', level: 'silent' });
let tenant: Tenant;
let world: World;
const directory = mkdtempSync(join(tmpdir(), 'logline-follower-'));

beforeAll(async () => {
  tenant = await Tenant.born('docker');
  world = await startWorld({
    name: 'runner',
    postgres: false,
    runners: [
      { tenant: tenant.tenant, runner: RUNNER },
      { tenant: 'rogue', runner: 'edge' },
    ],
  });
});
afterAll(async () => {
  await world?.close();
  rmSync(directory, { recursive: true, force: true });
});

let published = 0;
/** Stores what the log has grown by, as the ledger does. */
async function publish(change: (entry: string) => string = (entry) => entry): Promise<void> {
  const facts = tenant.log.facts.slice(published);
  published = tenant.log.facts.length;
  const messages = facts.map(({ entry, place }, position) =>
    toFactMessage(spanAt(published - facts.length + position), utf8(change(entry)), place),
  );
  await publishFacts(await world.connect('ledger'), messages);
}
function spanAt(index: number): Span {
  const span = tenant.log.spans[index];
  if (span === undefined) throw new Error('no such span');
  return span;
}

async function follow(journal: string) {
  const pins = {
    tenant: tenant.tenant,
    rootKey: testKey('root').pub,
    logKey: toVkey(`${TEST_ORIGIN}/${tenant.tenant}`, testKey('log').signer.publicKey),
  };
  const memory = await Memory.open({ directory: join(directory, journal), runner: RUNNER, pins });
  const nc = await world.connectRunner(tenant.tenant, RUNNER);
  const follower = new Follower({ nc, user: runnerUser(tenant.tenant, RUNNER), memory, log });
  const fatal: unknown[] = [];
  follower.start((error) => fatal.push(error));
  const close = async () => {
    await follower.stop();
    await memory.close();
  };
  return { memory, follower, fatal, close };
}

test('reads its tenant’s facts by its own durable, from the beginning, from where it was, and from the beginning again', async () => {
  await publish();
  const first = await follow('one');
  await first.follower.caughtUp;
  expect(first.memory.state.log.knowledge.index).toBe(1);

  await tenant.apply({ image: 'localhost/x:1' });
  await publish();
  await eventually(() => expect(first.memory.state.log.knowledge.index).toBe(3));
  await first.close();

  // meanwhile the log grows
  await tenant.apply({ image: 'localhost/x:2' });
  await publish();
  const second = await follow('one');
  await second.follower.caughtUp;
  expect(second.memory.state.log.knowledge.index).toBe(5);
  await second.close();

  // nothing new, and a journal that was lost
  const third = await follow('two');
  await third.follower.caughtUp;
  expect(third.memory.state.log.knowledge.index).toBe(5);
  expect(third.memory.state.log.knowledge.containers.size).toBe(1);
  await third.close();
});

test('goes on when nats-server was away', async () => {
  const one = await follow('three');
  await one.follower.caughtUp;
  await world.nats.restart();
  await tenant.apply({ image: 'localhost/x:3' });
  await publish();
  await eventually(() => expect(one.memory.state.log.knowledge.index).toBe(7), { withinMs: 20_000 });
  await one.close();
});

test('passes over what another tenant’s runner made JetStream store among its facts', async () => {
  const one = await follow('five');
  await one.follower.caughtUp;
  const rogue = await world.connectRunner('rogue', 'edge');
  // the answer to a report goes where the asker says, whether or not he may publish there
  rogue.publish('submit.report.rogue.edge', 'x', { reply: `fact.deploy.planned.${tenant.tenant}.web` });
  await rogue.flush();
  await tenant.apply({ image: 'localhost/x:5' });
  await publish();
  const { index: last } = tenant.log.facts.at(-1)?.place ?? { index: -1 };
  await eventually(() => expect(one.memory.state.log.knowledge.index).toBe(last), { withinMs: 20_000 });
  expect(one.fatal).toEqual([]);
  await one.close();
});

test('ends, and ends again, at a fact that is not what the log has signed', async () => {
  await tenant.apply({ image: 'localhost/x:4' });
  await publish((entry) => entry.replace('"1.0.', '"1.1.'));
  const one = await follow('four');
  await eventually(() => expect(one.fatal).toHaveLength(1), { withinMs: 20_000 });
  expect(one.fatal[0]).toMatchObject({ code: 'LOG_MISMATCH' });
  await one.close();
  const pins = {
    tenant: tenant.tenant,
    rootKey: testKey('root').pub,
    logKey: toVkey(`${TEST_ORIGIN}/${tenant.tenant}`, testKey('log').signer.publicKey),
  };
  await expect(
    Memory.open({ directory: join(directory, 'four'), runner: RUNNER, pins }),
  ).rejects.toMatchObject({ code: 'LOG_MISMATCH' });
});
