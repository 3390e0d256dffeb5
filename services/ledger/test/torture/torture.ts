import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleLedger } from './bundle-ledger.ts';
import { Clients } from './clients.ts';
import { type Hit, LedgerPair, type PairEars } from './ledger-pair.ts';
import { run } from './run.ts';
import { FAULT_NAMES, isWitnessed, type Schedule, scheduleOf } from './schedule.ts';
import { isListed, keyOf, STEPS, WITNESS_STEPS } from './steps-of.ts';
import { openTortureWorld, type TortureWorld } from './torture-world.ts';

export type TortureOptions = {
  readonly runs: number;
  /** Of the first run; the next ones follow. The same seed is the same schedule. */
  readonly seed: number;
  /** Worlds at once. */
  readonly jobs: number;
  /** Where a failed run leaves what there is to know about it. */
  readonly keepIn: string;
  readonly say: (line: string) => void;
  /** Somebody has had enough: runs that are on are finished, and counted. */
  readonly signal?: AbortSignal;
  /** The story of each run as it happens. */
  readonly tell?: (line: string) => void;
};

export type Torture = {
  readonly runs: number;
  readonly entries: number;
  readonly receipts: number;
  readonly envelopes: number;
  readonly answers: number;
  readonly rechecks: number;
  readonly ledgers: number;
  /** How often each fault happened; a hit is `kill: <step>`, `drop: <step>` … */
  readonly faults: ReadonlyMap<string, number>;
  readonly stepsSeen: ReadonlySet<string>;
  readonly failures: readonly Failure[];
  /** Why something was not done here. */
  readonly skipped: readonly string[];
};
export type Failure = { readonly seed: number; readonly error: unknown; readonly keptIn: string };

type Tally = {
  -readonly [K in 'runs' | 'entries' | 'receipts' | 'envelopes' | 'answers' | 'rechecks' | 'ledgers']: number;
};

/** Runs of consecutive seeds, shared out among worlds that live as long as the torture. A world ends with its first failure. */
export async function torture(options: TortureOptions): Promise<Torture> {
  const tally: Tally = {
    runs: 0,
    entries: 0,
    receipts: 0,
    envelopes: 0,
    answers: 0,
    rechecks: 0,
    ledgers: 0,
  };
  const faults = new Map<string, number>();
  const stepsSeen = new Set<string>();
  const failures: Failure[] = [];
  const skipped = new Set<string>();
  const main = await bundleLedger();
  const seeds = Array.from({ length: options.runs }, (_, at) => options.seed + at);
  const { plain = [], witnessed = [] } = Object.groupBy(seeds, (seed) =>
    isWitnessed(seed) ? 'witnessed' : 'plain',
  );
  let isBroken = false;
  let opening: Promise<unknown> = Promise.resolve();
  const isOver = (): boolean => isBroken || failures.length > 0 || options.signal?.aborted === true;
  /** Until these are done, in a world of the kind. */
  const workOff = async (queue: number[]): Promise<void> => {
    if (queue.length === 0 || isOver()) return;
    // one after the other: databases that are made side by side keep each other from answering in time
    const opened = opening.then(() => openTortureWorld(main, { isWitnessed: queue === witnessed }));
    opening = opened.catch(() => undefined);
    const world = await opened;
    const stage = new Stage(world, stepsSeen, options.tell);
    if (world.disk.problem !== undefined) skipped.add(`disk full: ${world.disk.problem}`);
    try {
      for (let seed = queue.shift(); seed !== undefined && !isOver(); seed = queue.shift()) {
        const schedule = scheduleOf(seed);
        const startMs = performance.now();
        try {
          const result = await stage.play(schedule);
          tally.runs++;
          tally.entries += result.entries;
          tally.receipts += result.receipts;
          for (const name of result.faults) faults.set(name, (faults.get(name) ?? 0) + 1);
          const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
          options.say(
            `seed ${schedule.seed}: ${result.entries} entries, ${result.faults.join(', ') || 'nothing hit'} · ${seconds} s`,
          );
        } catch (error) {
          failures.push({ seed: schedule.seed, error, keptIn: stage.keep(schedule, error, options.keepIn) });
        }
      }
    } finally {
      tally.envelopes += stage.clients?.counts.envelopes ?? 0;
      tally.answers += stage.clients?.counts.answers ?? 0;
      tally.rechecks += stage.clients?.counts.rechecks ?? 0;
      tally.ledgers += stage.pair.started + stage.neighbours.started;
      await stage.close();
      await world.close();
    }
  };
  const jobs = Math.min(options.jobs, options.runs);
  const work = async (nth: number): Promise<void> => {
    const queues = nth === jobs - 1 ? [witnessed, plain] : [plain, witnessed];
    for (const queue of queues) await workOff(queue);
  };
  const works = Array.from({ length: jobs }, (_, nth) =>
    work(nth).catch((error: unknown) => {
      isBroken = true; // the others come to an end, and leave nothing behind
      throw error;
    }),
  );
  await Promise.allSettled(works);
  await Promise.all(works);
  return { ...tally, faults, stepsSeen, failures, skipped: [...skipped] };
}

/** One world with its ledgers and clients, and the story of the run that is on. */
class Stage {
  readonly pair: LedgerPair;
  readonly neighbours: LedgerPair;
  clients: Clients | undefined;
  readonly #world: TortureWorld;
  readonly #ears: PairEars;
  readonly #listeners = new Set<(hit: Hit) => void>();
  readonly #told: ((line: string) => void) | undefined;
  #story: string[] = [];
  #violation: unknown;
  #startMs = performance.now();

  constructor(world: TortureWorld, stepsSeen: Set<string>, told: ((line: string) => void) | undefined) {
    this.#world = world;
    this.#told = told;
    this.#ears = {
      onHit: (hit) => {
        for (const listen of this.#listeners) listen(hit);
      },
      onSeen: (step) => void stepsSeen.add(step),
      tell: (what) => this.#tell(what),
    };
    this.pair = new LedgerPair(world, 0, this.#ears);
    this.neighbours = new LedgerPair(world, 1, this.#ears);
  }

  async play(schedule: Schedule): Promise<Awaited<ReturnType<typeof run>>> {
    this.#story = [];
    this.#startMs = performance.now();
    this.clients ??= new Clients({
      gateway: await this.#world.world.connect('gateway'),
      gate: await this.#world.world.connect('tdln-gate'),
      onViolation: (error) => (this.#violation ??= error),
      onReceipt: (tenant, { index }) => this.#world.witness?.check(tenant, index),
    });
    return await run(schedule, {
      world: this.#world,
      pair: this.pair,
      neighbours: this.neighbours,
      ears: this.#ears,
      clients: this.clients,
      tell: (what) => this.#tell(what),
      onHit: (listen) => {
        this.#listeners.add(listen);
        return () => void this.#listeners.delete(listen);
      },
      throwIfViolated: () => {
        if (this.#violation !== undefined) throw this.#violation;
      },
    });
  }

  /** Everything there is to know about the run that just failed. */
  keep(schedule: Schedule, error: unknown, keepIn: string): string {
    const dir = join(keepIn, `seed-${schedule.seed}`);
    mkdirSync(dir, { recursive: true });
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const first =
      this.#violation === undefined || this.#violation === error
        ? ''
        : `\nbefore that: ${String(this.#violation)}`;
    writeFileSync(join(dir, 'story.txt'), [...this.#story, '', reason, first].join('\n'));
    writeFileSync(join(dir, 'schedule.json'), JSON.stringify(schedule, null, 2));
    for (const { pid, lines } of [...this.pair.all, ...this.neighbours.all])
      writeFileSync(join(dir, `ledger-${pid}.jsonl`), lines.map((line) => JSON.stringify(line)).join('\n'));
    for (const [from, to] of this.#world.logs) {
      try {
        copyFileSync(from, join(dir, to));
      } catch {
        // a log that was never begun
      }
    }
    return dir;
  }

  async close(): Promise<void> {
    await Promise.all([this.pair.close(), this.neighbours.close()]);
    await this.clients?.close();
  }

  #tell(what: string): void {
    const line = `${(performance.now() - this.#startMs).toFixed(0).padStart(7)} ms  ${what}`;
    this.#story.push(line);
    this.#told?.(line);
  }
}

/** What has to happen in a whole torture and did not; what this machine cannot do is not asked of it. */
export function whatDidNotHappen({
  faults,
  skipped,
}: Pick<Torture, 'faults' | 'skipped'>): readonly string[] {
  const demanded = [
    ...[...STEPS, ...WITNESS_STEPS].filter(({ isOptional }) => isOptional !== true).map(keyOf),
    ...FAULT_NAMES,
  ];
  return demanded.filter((name) => !faults.has(name) && !skipped.some((why) => why.startsWith(`${name}:`)));
}

/** Steps that passed and are in no list: nobody hits them on purpose. */
export function unlistedSteps({ stepsSeen }: Pick<Torture, 'stepsSeen'>): readonly string[] {
  return [...stepsSeen].filter((step) => !isListed(step)).toSorted();
}

/** Steps that any turn passes, and none did: their names have changed, and nobody would be hit there any more. */
export function unseenSteps({ stepsSeen }: Pick<Torture, 'stepsSeen'>): readonly string[] {
  const ofAnyTurn = STEPS.filter((step) => step.when === 'turn' && !('wants' in step) && !('beside' in step));
  return [...new Set(ofAnyTurn.map(({ name }) => name))].filter((name) => !stepsSeen.has(name)).toSorted();
}

/** What was done, for people: faults by kind, then the steps. */
export function formatTable(done: Torture): string {
  const listed = [...STEPS, ...WITNESS_STEPS].map(keyOf);
  const others = [...done.faults.keys()].filter((name) => !listed.includes(name)).toSorted();
  const row = (name: string): string => `  ${String(done.faults.get(name) ?? 0).padStart(5)}  ${name}`;
  return [
    `${done.runs} runs, ${done.entries} entries, ${done.receipts} receipts asked for twice, ${done.envelopes} envelopes, ${done.answers} answers, ${done.rechecks} judged again, ${done.ledgers} ledger processes`,
    '',
    'fault × how often',
    ...others.map(row),
    '',
    'step of the list × how often',
    ...listed.map(row),
    '',
    `steps seen that are not in the list: ${unlistedSteps(done).join(', ') || 'none'}`,
    ...done.skipped.map((why) => `skipped: ${why}`),
  ].join('\n');
}
