import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { utf8 } from '@logline/canon-sign';
import { runnerUser } from '@logline/contracts';
import { emptyFacts, publishFacts, toFactMessage } from '@logline/jetstream';
import { createLog } from '@logline/service';
import {
  eventually,
  RUNNER,
  startWorld,
  TEST_ORIGIN,
  testKey,
  untilAged,
  type World,
} from '@logline/testing';
import { toVkey } from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { Follower } from '../src/follow/follower.ts';
import { Memory } from '../src/journal/memory.ts';
import { Tenant } from './tenant.ts';

const MAX_AGE_MS = 1_500;
let tenant: Tenant;
let world: World;
let nc: NatsConnection;
const directory = mkdtempSync(join(tmpdir(), 'logline-ageing-'));

beforeAll(async () => {
  tenant = await Tenant.born('docker');
  world = await startWorld({
    name: 'runner-ageing',
    postgres: false,
    factsMaxAgeMs: MAX_AGE_MS,
    runners: [{ tenant: tenant.tenant, runner: RUNNER }],
  });
  nc = await world.connect('test');
});
afterAll(async () => {
  await world?.close();
  rmSync(directory, { recursive: true, force: true });
});

let runs = 0;
/** Stores facts of the log, as the ledger does, or does again. */
async function publish(from: number, to: number = tenant.log.facts.length): Promise<void> {
  const run = ++runs;
  const messages = tenant.log.facts.slice(from, to).flatMap(({ entry, place }) => {
    const span = tenant.log.spans[place.index];
    if (span === undefined) return [];
    const message = toFactMessage(span, utf8(entry), place);
    return [{ ...message, msgId: `${message.msgId}:${run}` }];
  });
  await publishFacts(nc, messages);
}

async function follow(journal: string) {
  const pins = {
    tenant: tenant.tenant,
    rootKey: testKey('root').pub,
    logKey: toVkey(`${TEST_ORIGIN}/${tenant.tenant}`, testKey('log').signer.publicKey),
  };
  const memory = await Memory.open({ directory: join(directory, journal), runner: RUNNER, pins });
  const user = runnerUser(tenant.tenant, RUNNER);
  const log = createLog({ name: 'test', level: 'silent' });
  const follower = new Follower({ nc: await world.connectRunner(tenant.tenant, RUNNER), user, memory, log });
  const fatal: unknown[] = [];
  let isCaughtUp = false;
  void follower.caughtUp.then(() => (isCaughtUp = true));
  follower.start((error) => fatal.push(error));
  const close = async () => {
    await follower.stop();
    await memory.close();
  };
  return { memory, follower, fatal, close, isCaughtUp: () => isCaughtUp };
}

const command = (from: number): string =>
  `logline ledger republish --again --tenant ${tenant.tenant} --from ${from}`;

test('a new runner whose tenant’s facts have aged waits, says what it lacks, and goes on when they are republished', async () => {
  await publish(0);
  await untilAged(nc);
  const one = await follow('one');
  // nothing at all is there
  await eventually(() => expect(one.follower.health).toContain(command(0)));
  // then what is too early
  await tenant.apply({ image: 'localhost/x:1' });
  await publish(2);
  await eventually(() => expect(one.follower.health).toMatch(/^facts 0 to 3 of /));
  expect([one.isCaughtUp(), one.memory.state.log.readIndex]).toEqual([false, -1]);

  await publish(0);
  await one.follower.caughtUp;
  await eventually(() => expect(one.follower.health).toBe(true));
  expect(one.memory.state.log.knowledge.index).toBe(3);
  expect(one.fatal).toEqual([]);
  await one.close();
});

test('a runner that was away for longer than facts are kept waits for those it has not read', async () => {
  await tenant.apply({ image: 'localhost/x:2' });
  await publish(4);
  await untilAged(nc);
  const one = await follow('one');
  await tenant.apply({ image: 'localhost/x:3' });
  await publish(6);
  await eventually(() => expect(one.follower.health).toContain(command(4)));
  // a republish that breaks off leaves it waiting for the rest
  await publish(0, 5);
  await eventually(() => expect(one.follower.health).toContain(command(5)));
  await publish(5);
  await eventually(() => expect(one.follower.health).toBe(true));
  expect(one.memory.state.log.knowledge.index).toBe(7);
  expect(one.fatal).toEqual([]);
  await one.close();
});

test('a runner goes on with its journal in a stream that was made anew and has not come as far', async () => {
  await emptyFacts(await world.connect('migrator'), { factsMaxAgeMs: MAX_AGE_MS });
  const one = await follow('one');
  const { readSequence } = one.memory.state.log;
  await tenant.apply({ image: 'localhost/x:4' });
  await publish(8);
  await eventually(() => expect(one.memory.state.log.knowledge.index).toBe(9));
  expect(one.memory.state.log.readSequence).toBeLessThan(readSequence);
  expect([one.follower.health, one.fatal]).toEqual([true, []]);
  await one.close();
});
