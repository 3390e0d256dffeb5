import { ALL_STORED_FACTS, CONSUMERS, runnerUser, storedFactsOf } from '@logline/contracts';
import {
  callApi,
  followFacts,
  lastFactOf,
  publishFacts,
  toFactMessage,
  type FollowedFact,
  type Following,
} from '@logline/jetstream';
import { eventually, startWorld, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let world: World;
let ledger: NatsConnection;
let gate: NatsConnection;
let following: Following | undefined;
/** Facts stored so far by this file, each tenant counting for itself. */
const sizes = new Map<string, number>();

beforeAll(async () => {
  world = await startWorld({
    name: 'follow',
    postgres: false,
    runners: [{ tenant: 'rogue', runner: 'edge' }],
  });
  ledger = await world.connect('ledger');
  gate = await world.connect('tdln-gate');
});
afterAll(() => world.close());
afterEach(async () => {
  await following?.stop();
  following = undefined;
});

async function store(tenant: string, count: number): Promise<void> {
  const from = sizes.get(tenant) ?? 0;
  sizes.set(tenant, from + count);
  const span = {
    this: 'urn:span:x',
    intent: 'run_state.running',
    subject: `urn:minicontainer:${tenant}/web`,
    ts: '2026-11-23T12:00:00.000Z',
  };
  const facts = Array.from({ length: count }, (_, n) => {
    const place = {
      tenant,
      log: `logline.test/${tenant}`,
      index: from + n,
      leaf: 'a'.repeat(64),
      timeMs: 1_764_000_000_000,
      receiptSignature: 'sig',
      trace: 'b'.repeat(32),
    };
    return toFactMessage(span, new TextEncoder().encode(`{"n":${from + n}}`), place);
  });
  await publishFacts(ledger, facts);
}
const indexes = (facts: readonly FollowedFact[], tenant: string): number[] =>
  facts.filter(({ place }) => place.tenant === tenant).map(({ place }) => place.index);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const neverFatal = (error: unknown): void => expect.unreachable(String(error));

describe('followFacts', () => {
  it('hands over everything stored, says when it has caught up, and goes on with what comes', async () => {
    await store('acme', 1_500);
    const seen: FollowedFact[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      onFact: (fact) => void seen.push(fact),
      onFatal: neverFatal,
    });
    await following.caughtUp;
    expect(indexes(seen, 'acme')).toEqual(upTo(1_500));
    await store('acme', 3);
    await eventually(() => expect(indexes(seen, 'acme')).toEqual(upTo(1_503)));
    expect(following.sequence()).toBe(seen.at(-1)?.sequence);
    expect(seen[7]).toMatchObject({
      place: { tenant: 'acme', index: 7 },
      subject: 'fact.run_state.running.acme.web',
    });
  });

  it('is caught up at once where nothing is stored yet', async () => {
    following = await followFacts(gate, {
      fromSequence: 1_000_000,
      onFact: () => undefined,
      onFatal: neverFatal,
    });
    await following.caughtUp;
    expect(following.sequence()).toBe(999_999);
  });

  it('starts behind a position', async () => {
    await store('behind', 5);
    const all: FollowedFact[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      onFact: (fact) => void all.push(fact),
      onFatal: neverFatal,
    });
    await following.caughtUp;
    await following.stop();
    const seen: FollowedFact[] = [];
    following = await followFacts(gate, {
      fromSequence: (all.at(-3)?.sequence ?? 0) + 1,
      onFact: (fact) => void seen.push(fact),
      onFatal: neverFatal,
    });
    await following.caughtUp;
    expect(seen).toEqual(all.slice(-2));
  });

  it('follows one tenant and nobody else', async () => {
    await store('beta', 3);
    await store('gamma', 3);
    const seen: FollowedFact[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      filter: storedFactsOf('beta'),
      onFact: (fact) => void seen.push(fact),
      onFatal: neverFatal,
    });
    await following.caughtUp;
    expect(seen.map(({ place }) => place.tenant)).toEqual(['beta', 'beta', 'beta']);
  });

  it('waits for one fact before it hands over the next', async () => {
    await store('slow', 20);
    const order: string[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      filter: storedFactsOf('slow'),
      onFact: async ({ place }) => {
        order.push(`start ${place.index}`);
        await gate.flush();
        order.push(`end ${place.index}`);
      },
      onFatal: neverFatal,
    });
    await following.caughtUp;
    expect(order).toEqual(upTo(20).flatMap((n) => [`start ${n}`, `end ${n}`]));
  });

  it('loses and repeats nothing when its consumer is deleted, and when the server is killed', async () => {
    await store('storm', 50);
    const seen: number[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      filter: storedFactsOf('storm'),
      onFact: ({ place }) => void seen.push(place.index),
      onFatal: neverFatal,
    });
    await following.caughtUp;
    const test = await world.connect('test');
    const { consumers } = (await callApi(test, 'CONSUMER.NAMES.FACTS', {})) as { consumers: string[] };
    for (const name of consumers.filter((one) => one.startsWith('follow_')))
      await callApi(test, `CONSUMER.DELETE.FACTS.${name}`, undefined);
    await store('storm', 50);
    await eventually(() => expect(seen).toEqual(upTo(100)));
    await world.nats.kill();
    await world.nats.start();
    await store('storm', 50);
    await eventually(() => expect(seen).toEqual(upTo(150)));
    expect(following.isHealthy()).toBe(true);
  });

  it('stops and says why when a fact cannot be taken', async () => {
    await store('broken', 3);
    const fatal: unknown[] = [];
    const seen: number[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      filter: storedFactsOf('broken'),
      onFact: ({ place }) => {
        if (place.index === 1) throw new Error('gap');
        seen.push(place.index);
      },
      onFatal: (error) => void fatal.push(error),
    });
    await eventually(() => expect(fatal).toEqual([new Error('gap')]));
    expect(seen).toEqual([0]);
    expect(following.isHealthy()).toBe(false);
  });

  it('leaves no consumer behind', async () => {
    following = await followFacts(gate, {
      fromSequence: 1,
      filter: ALL_STORED_FACTS,
      onFact: () => undefined,
      onFatal: neverFatal,
    });
    await following.stop();
    const { consumers } = (await callApi(await world.connect('test'), 'CONSUMER.NAMES.FACTS', {})) as {
      consumers: string[];
    };
    expect(consumers.filter((one) => one.startsWith('follow_'))).toEqual([]);
  });
});

describe('what others made JetStream store among the facts', () => {
  /** NATS does not look whether who asks may publish where the answer goes: here the answer to an own report. */
  async function plant(by: NatsConnection, subject: string): Promise<void> {
    const { last_seq: before } = await stateOfFacts();
    by.publish('submit.report.rogue.edge', 'x', { reply: subject });
    await eventually(async () => expect((await stateOfFacts()).last_seq).toBeGreaterThan(before));
  }
  async function stateOfFacts(): Promise<{ last_seq: number }> {
    const { state } = await callApi(gate, 'STREAM.INFO.FACTS', undefined);
    return state as { last_seq: number };
  }

  it('stops no reader, and hides no last fact from the ledger', async () => {
    const rogue = await world.connect('runner_rogue_edge');
    await store('victim', 3);
    await plant(rogue, 'fact.deploy.planned.victim.web');
    await store('rogue', 1);
    // a fact of its own, by its own durable, laid among another tenant's
    const own = CONSUMERS.runner(runnerUser('rogue', 'edge'));
    const { last_seq: before } = await stateOfFacts();
    rogue.publish(`$JS.API.CONSUMER.MSG.NEXT.FACTS.${own}`, '{"batch":1,"no_wait":true}', {
      reply: 'fact.run_state.running.victim.web',
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await stateOfFacts()).last_seq).toBeGreaterThanOrEqual(before);
    expect(await lastFactOf(ledger, 'victim')).toMatchObject({ index: 2, place: { tenant: 'victim' } });

    const seen: FollowedFact[] = [];
    following = await followFacts(gate, {
      fromSequence: 1,
      onFact: (fact) => void seen.push(fact),
      onFatal: neverFatal,
    });
    await following.caughtUp;
    await store('victim', 1);
    await eventually(() => expect(indexes(seen, 'victim')).toEqual(upTo(4)));
  });
});
