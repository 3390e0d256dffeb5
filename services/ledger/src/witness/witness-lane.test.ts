import { signerFromSeed } from '@logline/canon-sign';
import {
  parseAddCheckpoint,
  formatCosignerKey,
  emptyTiledEdge,
  leafHash,
  signCheckpoint,
} from '@logline/tlog';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Seal } from '../domain/seal.ts';
import type { Cosigned } from '../storage/save-cosignature.ts';
import type { WitnessAnswer } from './ask-witness.ts';
import { type WatchedLog, WitnessLane } from './witness-lane.ts';
import { parseWitnessPolicy } from './witness-policy.ts';

const signer = signerFromSeed('log', new Uint8Array(32).fill(9));
const root = leafHash(new Uint8Array(1));
const originOf = (tenant: string): string => `logs.test/${tenant}`;
const noteOf = (tenant: string, size: number): string =>
  signCheckpoint({ origin: originOf(tenant), size: BigInt(size), root }, [
    { name: originOf(tenant), signer },
  ]);

/** What a commit leaves for the lane: it looks at nothing else of a seal. */
function sealOf(tenant: string, size: number): Seal {
  const keys = { key: 'unused' };
  const log = {
    logId: tenant.length,
    tenant,
    origin: originOf(tenant),
    timeMs: 0,
    tree: emptyTiledEdge(),
    keys,
  };
  const after = { ...log, size };
  const checkpoint = noteOf(tenant, size);
  const link = { chain: root, signature: new Uint8Array(64), marks: new Uint8Array(0) };
  return { before: after, after, isNew: false, root, edge: root, checkpoint, link, tiles: [], entries: [] };
}

type Behaviour = (origin: string, from: number, size: number) => WitnessAnswer | Promise<WitnessAnswer>;

/** Witnesses that keep the sizes they have cosigned, and do as they are told. */
class Witnesses {
  readonly asked: { who: string; tenant: string; from: number; size: number }[] = [];
  readonly published: { tenant: string; note: string }[] = [];
  readonly saved = new Map<string, Cosigned>();
  readonly errors: string[] = [];
  readonly sizes = new Map<string, number>();
  behave: Record<string, Behaviour | undefined> = {};
  /** What is stored of the partition: tenant → log. */
  readonly stored = new Map<string, WatchedLog>();
  isBroken = false;
  inFlight = 0;
  mostInFlight = 0;
  readonly ids: readonly string[];
  readonly lane: WitnessLane;

  constructor(quorum = 'all', { everyMs = 0 } = {}) {
    const lines = ['w1', 'w2', 'w3'].map((name, at) => {
      const { publicKey } = signerFromSeed(name, new Uint8Array(32).fill(at));
      return `witness ${name} ${formatCosignerKey(name, publicKey)} http://${name}.test`;
    });
    const policy = parseWitnessPolicy(`${lines.join('\n')}\ngroup g ${quorum} w1 w2 w3\nquorum g`, 'policy');
    this.ids = policy.witnesses.map(({ id }) => id);
    this.lane = new WitnessLane({
      policy,
      ask: async ({ name }, { body, checkpoint }) => {
        const { oldSize, origin } = parseAddCheckpoint(body);
        const tenant = origin.slice(originOf('').length);
        const [from, size] = [Number(oldSize), Number(checkpoint.split('\n')[1])];
        this.asked.push({ who: name, tenant, from, size });
        this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
        await Promise.resolve();
        const answer = await (this.behave[name] ?? this.honest(name))(origin, from, size);
        this.inFlight--;
        if (answer.kind === 'cosigned') this.sizes.set(`${name} ${origin}`, size);
        return answer;
      },
      load: () =>
        this.isBroken ? Promise.reject(new Error('no database')) : Promise.resolve([...this.stored.values()]),
      readSize: (logId) =>
        Promise.resolve([...this.stored.values()].find(({ log }) => log.logId === logId)?.size ?? null),
      readCheckpoint: (logId, size) => Promise.resolve(noteOf('x'.repeat(logId), size)),
      prove: () => Promise.resolve([]),
      save: ({ tenant }, { id }, cosigned) => {
        if (this.isBroken) return Promise.reject(new Error('no database'));
        this.saved.set(`${id} ${tenant}`, cosigned);
        return Promise.resolve();
      },
      publish: (tenant, note) =>
        this.isBroken
          ? Promise.reject(new Error('no stream'))
          : Promise.resolve(this.published.push({ tenant, note })),
      timeoutMs: 1_000,
      everyMs,
      random: () => 0.5,
      metrics: { asked: () => undefined },
      log: {
        debug() {},
        info() {},
        warn() {},
        error: (_: unknown, text?: string) => void this.errors.push(String(text)),
      },
    });
  }

  store(tenant: string, size: number, cosigned: WatchedLog['cosigned'] = new Map()): void {
    this.stored.set(tenant, { log: sealOf(tenant, size).after, size, cosigned });
  }

  /** By this leader, who is told of it at once. */
  commit(tenants: readonly string[], size: number): void {
    for (const tenant of tenants) this.store(tenant, size);
    this.lane.committed(tenants.map((tenant) => sealOf(tenant, size)));
  }

  honest(name: string): Behaviour {
    return (origin, from, size) => {
      const mine = this.sizes.get(`${name} ${origin}`) ?? 0;
      return from === mine
        ? { kind: 'cosigned', line: `— ${name} ${size}\n` }
        : { kind: 'conflict', size: mine };
    };
  }

  sizesAsked(who: string): number[] {
    return this.asked.filter((one) => one.who === who).map(({ size }) => size);
  }
}

const fails: Behaviour = () => ({ kind: 'fails', why: 'away' });
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the witness lane', () => {
  it('asks all witnesses about the newest checkpoint, and sends it out once a quorum has cosigned it', async () => {
    const all = new Witnesses();
    await all.lane.start();
    all.commit(['acme'], 3);
    expect(all.lane.covers({ tenant: 'acme', origin: originOf('acme') }, 3)).toBe(false);
    await settle();
    expect(all.lane.covers({ tenant: 'acme', origin: originOf('acme') }, 3)).toBe(true);
    expect(all.published).toEqual([{ tenant: 'acme', note: `${noteOf('acme', 3)}— w1 3\n— w2 3\n— w3 3\n` }]);
    expect(all.lane.uncovered).toBe(0);
    await settle(600_000);
    expect(all.asked).toHaveLength(3); // nothing more to ask
    await all.lane.stop();
  });

  it('sends a log that grows fast at its newest size, and no more often than it may', async () => {
    const all = new Witnesses('all', { everyMs: 1_000 });
    await all.lane.start();
    for (let size = 1; size <= 1_000; size++) {
      all.commit(['acme'], size);
      await settle(5);
    }
    await settle(1_000);
    expect(all.sizesAsked('w1').length).toBeLessThanOrEqual(7);
    expect(all.sizesAsked('w1').at(-1)).toBe(1_000);
    await all.lane.stop();
  });

  it('asks again at the size it is told', async () => {
    const all = new Witnesses();
    all.sizes.set(`w2 ${originOf('acme')}`, 2);
    await all.lane.start();
    all.commit(['acme'], 5);
    await settle();
    expect(all.asked.filter(({ who }) => who === 'w2').map(({ from }) => from)).toEqual([0, 2]);
    expect(all.published).toHaveLength(1);
    await all.lane.stop();
  });

  it('does not wait for more than a quorum, and adds a late cosignature', async () => {
    const all = new Witnesses('2');
    all.behave['w3'] = fails;
    await all.lane.start();
    all.commit(['acme'], 5);
    await settle();
    expect(all.published.map(({ note }) => note.includes('w3'))).toEqual([false]);
    all.behave['w3'] = undefined;
    await settle(10_000);
    expect(all.published.map(({ note }) => note.includes('w3'))).toEqual([false, true]);
    await all.lane.stop();
  });

  it('takes cosignatures of different checkpoints for no quorum of any', async () => {
    const all = new Witnesses();
    let open: () => void = () => undefined;
    all.behave['w3'] = async (_, __, size) => {
      await new Promise<void>((resolve) => (open = resolve));
      return size === 5 ? { kind: 'fails', why: 'away' } : { kind: 'cosigned', line: `— w3 ${size}\n` };
    };
    await all.lane.start();
    all.commit(['acme'], 5);
    await settle();
    all.commit(['acme'], 6);
    open();
    await settle(1);
    all.behave['w1'] = fails;
    await settle(1);
    open();
    expect(all.lane.covers({ tenant: 'acme', origin: originOf('acme') }, 5)).toBe(false);
    all.behave = {};
    await settle(60_000);
    expect(all.lane.covers({ tenant: 'acme', origin: originOf('acme') }, 6)).toBe(true);
    await all.lane.stop();
  });

  it('leaves a witness that is away alone, for all logs at once', async () => {
    const all = new Witnesses('any');
    all.behave['w3'] = fails;
    await all.lane.start();
    for (let second = 0; second < 60; second++) {
      all.commit(['a', 'bb', 'ccc', 'dddd', 'eeeee'], second + 1);
      await settle(1_000);
    }
    expect(all.lane.silent).toEqual(['w3']);
    expect(all.asked.filter(({ who }) => who === 'w1').length).toBeGreaterThanOrEqual(250);
    // the first of each log at once, then once in some seconds
    expect(all.asked.filter(({ who }) => who === 'w3').length).toBeLessThan(60);
    expect(all.lane.uncovered).toBe(0);
    await all.lane.stop();
  });

  it.each<[string, Behaviour]>([
    ['has cosigned more than there is', () => ({ kind: 'conflict', size: 9 })],
    ['finds that the proof does not hold', () => ({ kind: 'contradicts', why: '422' })],
    ['holds another tree of that size', (_, from) => ({ kind: 'conflict', size: from })],
  ])('says loudly that a witness %s, and goes on asking slowly', async (_, behaviour) => {
    const all = new Witnesses('2');
    all.behave['w1'] = behaviour;
    await all.lane.start();
    all.commit(['acme'], 5);
    await settle();
    expect(all.lane.contradictions).toEqual([expect.stringContaining(`w1 of ${originOf('acme')}: `)]);
    expect(all.errors).toEqual([expect.stringContaining('FORK')]);
    await settle(300_000);
    expect(all.sizesAsked('w1').length).toBeLessThan(10);
    all.behave = {};
    await settle(600_000);
    expect(all.lane.contradictions).toEqual([]);
    await all.lane.stop();
  });

  it('does not ask for ever a witness whose size changes under it', async () => {
    const all = new Witnesses();
    let size = 0;
    all.behave['w1'] = () => ({ kind: 'conflict', size: ++size });
    await all.lane.start();
    all.commit(['acme'], 500);
    await settle(10_000);
    expect(all.sizesAsked('w1')).toHaveLength(3);
    await all.lane.stop();
  });

  it('covers what witnesses have cosigned also while nothing can be stored or sent, and sends it later', async () => {
    const all = new Witnesses();
    await all.lane.start();
    all.isBroken = true;
    all.commit(['acme'], 5);
    await settle();
    expect(all.lane.covers({ tenant: 'acme', origin: originOf('acme') }, 5)).toBe(true);
    expect(all.published).toEqual([]);
    all.isBroken = false;
    await settle(10_000);
    expect(all.published).toHaveLength(1);
    expect(all.asked).toHaveLength(3);
    await all.lane.stop();
  });

  it('begins where it was, and asks about what is not cosigned yet', async () => {
    const first = new Witnesses();
    await first.lane.start();
    first.commit(['xxxx'], 5);
    await settle();
    await first.lane.stop();
    const cosigned = new Map([...first.saved].map(([key, value]) => [key.split(' ')[0] ?? '', value]));
    const log = { logId: 4, tenant: 'xxxx', origin: originOf('xxxx') };

    const second = new Witnesses();
    second.stored.set('xxxx', { log, size: 5, cosigned });
    await second.lane.start();
    expect(second.lane.covers(log, 5)).toBe(true);
    await settle();
    expect(second.asked).toEqual([]);
    expect(second.published).toHaveLength(1); // the stream may have lost it
    await second.lane.stop();

    const third = new Witnesses();
    third.stored.set('xxxx', { log, size: 7, cosigned });
    await third.lane.start();
    expect(third.lane.covers(log, 7)).toBe(false);
    await settle();
    expect(third.asked.map(({ from, size }) => [from, size])).toContainEqual([5, 7]);
    await third.lane.stop();
  });

  it('asks about eight logs at once and no more, and says nothing after it was stopped', async () => {
    const all = new Witnesses('any');
    const hang: Behaviour = () =>
      new Promise((resolve) => setTimeout(resolve, 1_000, { kind: 'fails', why: 'late' }));
    all.behave = { w1: hang, w2: hang, w3: hang };
    await all.lane.start();
    all.commit(
      Array.from({ length: 50 }, (_, at) => `t${at}`),
      1,
    );
    await settle(10);
    expect(all.mostInFlight).toBe(24);
    const stopped = all.lane.stop();
    await settle(1_000);
    await stopped;
    const asked = all.asked.length;
    all.commit(['late'], 1);
    await settle(600_000);
    expect(all.asked).toHaveLength(asked);
    expect(all.published).toEqual([]);
  });

  it('goes on as it did when the wall clock is set back', async () => {
    const all = new Witnesses('all', { everyMs: 1_000 });
    all.behave['w1'] = fails;
    await all.lane.start();
    all.commit(['acme'], 1);
    await settle(10);
    vi.setSystemTime(Date.now() - 3_600_000);
    all.behave = {};
    all.commit(['acme'], 2);
    await settle(10_000);
    expect(all.lane.covers({ tenant: 'acme', origin: originOf('acme') }, 2)).toBe(true);
    await all.lane.stop();
  });

  it('takes up what others have committed, and a log that has come from another partition', async () => {
    const all = new Witnesses();
    const cosigned = new Map(all.ids.map((id, at) => [id, { size: 9, line: `— w${at + 1} 9\n` }]));
    await all.lane.start();
    all.commit(['xxxx'], 1);
    await settle();
    all.store('xxxx', 4);
    all.store('xxxxx', 9, cosigned);
    all.isBroken = true;
    all.lane.refresh();
    await settle();
    expect(all.lane.covers({ tenant: 'xxxxx', origin: originOf('xxxxx') }, 9)).toBe(false);
    all.isBroken = false;
    await settle(10_000);
    expect(all.lane.covers({ tenant: 'xxxxx', origin: originOf('xxxxx') }, 9)).toBe(true);
    expect(all.lane.covers({ tenant: 'xxxx', origin: originOf('xxxx') }, 4)).toBe(true);
    expect(all.sizesAsked('w1')).toEqual([1, 4]); // what is cosigned already is not asked for again
    await all.lane.stop();
  });

  it('calls nobody a liar about a log that others go on with, and leaves one alone that has moved away', async () => {
    const all = new Witnesses();
    await all.lane.start();
    all.commit(['xxxx', 'umbra'], 5);
    await settle();
    all.commit(['xxxx', 'umbra'], 6);
    // meanwhile another leader of this partition, and one of another
    for (const name of ['w1', 'w2', 'w3']) {
      all.sizes.set(`${name} ${originOf('xxxx')}`, 8);
      all.sizes.set(`${name} ${originOf('umbra')}`, 8);
    }
    all.store('xxxx', 8);
    all.stored.delete('umbra');
    await settle(600_000);
    expect(all.lane.contradictions).toEqual([]);
    expect(all.errors).toEqual([]);
    expect(all.lane.covers({ tenant: 'xxxx', origin: originOf('xxxx') }, 8)).toBe(true);
    expect(all.lane.uncovered).toBe(0);
    expect(all.asked.filter(({ tenant, size }) => tenant === 'umbra' && size === 6)).toHaveLength(3);
    await all.lane.stop();
  });

  it('says loudly that a log is a fork although it grows past what the witness has', async () => {
    const all = new Witnesses('2');
    all.behave['w1'] = (_, __, size) =>
      size > 9 ? { kind: 'contradicts', why: '422' } : { kind: 'conflict', size: 9 };
    await all.lane.start();
    for (let size = 1; size < 100; size++) {
      all.commit(['acme'], size);
      await settle(10_000);
    }
    expect(all.lane.contradictions).toHaveLength(1);
    expect(all.errors.length).toBeGreaterThan(1);
    await all.lane.stop();
    expect(all.lane.contradictions).toEqual([]); // a standby knows nothing
    expect(all.lane.silent).toEqual([]);
  });

  it('whatever witnesses answer, covers no more than a quorum has cosigned at one size, and never goes back', async () => {
    const kind = fc.constantFrom<WitnessAnswer['kind'] | 'honest'>(
      'honest',
      'honest',
      'fails',
      'conflict',
      'declines',
      'contradicts',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(kind, kind, kind), { minLength: 1, maxLength: 12 }),
        async (steps) => {
          const all = new Witnesses('2');
          const agreed = new Map<number, Set<string>>();
          await all.lane.start();
          let covered = 0;
          for (const [at, kinds] of steps.entries()) {
            for (const [nth, one] of kinds.entries()) {
              const name = `w${nth + 1}`;
              all.behave[name] = (origin, from, size) => {
                if (one === 'conflict') return { kind: one, size: (from * 7 + at) % (size + 3) };
                if (one !== 'honest' && one !== 'cosigned') return { kind: one, why: '' };
                const answer = all.honest(name)(origin, from, size);
                if (answer instanceof Promise || answer.kind !== 'cosigned') return answer;
                agreed.set(size, (agreed.get(size) ?? new Set()).add(name));
                return answer;
              };
            }
            all.commit(['acme'], at + 1);
            await settle(at % 2 === 0 ? 10 : 40_000);
            const log = { tenant: 'acme', origin: originOf('acme') };
            const now =
              Array.from({ length: at + 1 }, (_, size) => size + 1).findLast((size) =>
                all.lane.covers(log, size),
              ) ?? 0;
            expect(now).toBeGreaterThanOrEqual(covered);
            covered = now;
            if (covered > 0) expect(agreed.get(covered)?.size ?? 0).toBeGreaterThanOrEqual(2);
          }
          const sizes = all.published.map(({ note }) => Number(note.split('\n')[1]));
          expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
          await all.lane.stop();
        },
      ),
      { numRuns: 100 },
    );
  });
});
