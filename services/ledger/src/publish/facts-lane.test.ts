import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aSpan } from '../../test/sequence-world.ts';
import type { Fact, FactLog } from './fact.ts';
import { FactsLane } from './facts-lane.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const logOf = (tenant: string): FactLog => ({ logId: tenant.length, tenant, origin: `logs.test/${tenant}` });

function factOf(tenant: string, index: number): Fact {
  const { entry } = aSpan(index, { tenant });
  return {
    entry,
    index,
    bytes: entry.bytes,
    leaf: new Uint8Array(32),
    timeMs: 0,
    signature: new Uint8Array(64),
    trace: 'f'.repeat(32),
    checkpoint: undefined,
  };
}

/** A stream that keeps what it was given, and breaks when told to: after any number of messages, with or without saying so. */
class Stream {
  readonly stored: string[] = [];
  readonly committed = new Map<string, number>();
  breakAfter: number[] = [];
  reads = 0;

  readonly lane = new FactsLane({
    publish: async (messages) => {
      await Promise.resolve();
      const breakAfter = this.breakAfter.shift() ?? Infinity;
      for (const [at, { msgId }] of messages.entries()) {
        if (at === breakAfter) throw new Error('connection lost');
        this.stored.push(msgId);
      }
      if (breakAfter === messages.length) throw new Error('the answer was lost');
    },
    lastPublished: async (tenant) =>
      Number(this.stored.findLast((id) => id.startsWith(`${tenant}:`))?.split(':')[1] ?? -1),
    readFacts: async ({ tenant }, from, to) => {
      this.reads++;
      return Array.from({ length: to - from }, (_, at) => factOf(tenant, from + at));
    },
    log: silent,
  });

  commit(tenant: string, count: number): void {
    const from = this.committed.get(tenant) ?? 0;
    this.committed.set(tenant, from + count);
    this.lane.push({
      log: logOf(tenant),
      size: from + count,
      facts: Array.from({ length: count }, (_, at) => factOf(tenant, from + at)),
    });
  }

  async drained(): Promise<void> {
    while (this.lane.backlog > 0 || !this.isComplete()) await vi.advanceTimersByTimeAsync(5_000);
  }

  isComplete(): boolean {
    return [...this.committed].every(
      ([tenant, size]) => this.stored.filter((id) => id.startsWith(`${tenant}:`)).length >= size,
    );
  }

  of(tenant: string): number[] {
    return this.stored.filter((id) => id.startsWith(`${tenant}:`)).map((id) => Number(id.split(':')[1]));
  }
}

// the lane waits longer after each failure; nobody here does
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const upTo = (size: number) => Array.from({ length: size }, (_, at) => at);

describe('the facts lane', () => {
  it('stores each log in its order, once, wherever the stream breaks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('acme', 'umbra', 'x'), fc.integer({ min: 1, max: 5 })), {
          maxLength: 12,
        }),
        fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }),
        async (commits, breakAfter) => {
          const stream = new Stream();
          stream.breakAfter = breakAfter;
          stream.lane.start([]);
          for (const [tenant, count] of commits) {
            stream.commit(tenant, count);
            await Promise.resolve();
          }
          await stream.drained();
          await stream.lane.stop();
          for (const [tenant, size] of stream.committed) expect(stream.of(tenant)).toEqual(upTo(size));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('brings every log up to its size when it starts', async () => {
    const stream = new Stream();
    stream.stored.push('acme:0', 'acme:1');
    stream.committed.set('acme', 1200).set('umbra', 3);
    stream.lane.start([
      { log: logOf('acme'), size: 1200 },
      { log: logOf('umbra'), size: 3 },
    ]);
    await stream.drained();
    await stream.lane.stop();
    expect(stream.of('acme')).toEqual(upTo(1200));
    expect(stream.of('umbra')).toEqual(upTo(3));
  });

  it('fills from PostgreSQL what a doubtful commit may have left out', async () => {
    const stream = new Stream();
    stream.lane.start([]);
    stream.commit('acme', 2);
    stream.committed.set('acme', 5); // committed, and nobody was told
    stream.commit('acme', 1);
    await stream.drained();
    await stream.lane.stop();
    expect(stream.of('acme')).toEqual(upTo(6));
    expect(stream.reads).toBe(1);
  });

  it('stops intake while it is full, and lets it go on', async () => {
    const stream = new Stream();
    stream.breakAfter = [0];
    stream.lane.start([]);
    stream.commit('acme', 20_000);
    expect(stream.lane.isFlowing()).toBe(false);
    let mayGoOn = false;
    const waiting = stream.lane.room(new AbortController().signal).then(() => (mayGoOn = true));
    await Promise.resolve();
    expect(mayGoOn).toBe(false);
    await stream.drained();
    await waiting;
    expect(stream.lane.backlog).toBe(0);
    expect(stream.lane.isFlowing()).toBe(true);
    await stream.lane.stop();
  });

  it('in trouble as it is stopped, says nothing of it as a standby', async () => {
    const stream = new Stream();
    stream.breakAfter = [0, 0, 0, 0, 0];
    stream.lane.start([]);
    stream.commit('acme', 1);
    await vi.advanceTimersByTimeAsync(10);
    expect(stream.lane.isFlowing()).toBe(false);
    await stream.lane.stop();
    expect(stream.lane.isFlowing()).toBe(true);
  });

  it('stores nothing after it was stopped', async () => {
    const stream = new Stream();
    stream.lane.start([]);
    await stream.lane.stop();
    stream.commit('acme', 1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(stream.stored).toEqual([]);
  });
});
