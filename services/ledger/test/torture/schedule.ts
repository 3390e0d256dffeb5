import { belongsTo } from '../../src/domain/assignment.ts';
import type { Action } from './orders.ts';
import { type Step, STEPS, WITNESS_STEPS } from './steps-of.ts';
import { WITNESS_FAULTS, type WitnessFault } from './torture-witness.ts';

/** What one run does: a pure function of its seed. */
export type Schedule = {
  readonly seed: number;
  readonly tenants: readonly string[];
  /** One after the other; what a round leaves unanswered goes on through the next. */
  readonly rounds: readonly Round[];
};

export type Round = { readonly traffic: readonly Traffic[]; readonly faults: readonly Fault[] };

/** What a client does, again and again until it has its answer. `tenant` is an index. */
export type Traffic = {
  readonly tenant: number;
  readonly what: TrafficKind;
  /** Spans of the request. */
  readonly count: number;
  /** Bytes of filling in each. */
  readonly fillBytes: number;
};
export const TRAFFIC = [
  'plain', // some spans
  'twice', // the same envelope is delivered twice
  'again', // the same spans in two requests at once
  'shared', // one envelope, requests of two tenants
  'key', // with an idempotency key and a signed request's nonce
  'key conflict', // the key again, for another payload
  'nonce conflict', // the nonce again, for another request
  'chain', // each names the one before as its prev
  'bad prev', // names a head that never was
  'stale', // rests on what has been overwritten: by way of the gate
  'verdict', // commits with its verdict
  'denial', // commits with a no
  'refused', // the gate's no
  'same id', // another span has its id
  'reborn', // a second birth
  'unborn', // of a tenant that is never born
  'impatient', // nobody waits for long
  'fickle', // nobody waits for long, nor asks again
] as const;
export type TrafficKind = (typeof TRAFFIC)[number];

export type Fault =
  /** At the step of the first partition's leader, of whoever takes over from it, or of whoever moves the first tenant. */
  | {
      readonly kind: 'hit';
      readonly step: string;
      readonly nth: number;
      readonly action: Action;
      readonly when: Step['when'];
      readonly after?: string;
      readonly blockMs: number;
    }
  /** On the way between ledger and PostgreSQL. */
  | { readonly kind: 'line'; readonly how: LineFault; readonly forMs: number }
  | {
      readonly kind: 'postgres' | 'nats';
      readonly how: 'kill' | 'restart';
      readonly afterMs: number;
      readonly awayMs: number;
    }
  /** The stream of facts is full for a while. */
  | { readonly kind: 'facts refused'; readonly forMs: number }
  | { readonly kind: 'disk full'; readonly forMs: number }
  /** The wall clock of the ledgers jumps, and later back. */
  | { readonly kind: 'clock'; readonly aheadMs: number; readonly afterMs: number }
  /** Of the witness without whose cosignature no receipt is given, where there is one. */
  | { readonly kind: 'witness'; readonly how: WitnessFault; readonly forMs: number }
  /** The lease ends under a leader that lives. */
  | { readonly kind: 'contend'; readonly afterMs: number }
  /** A leader dies, wherever it is: of the first partition, or of the other. */
  | { readonly kind: 'plain kill'; readonly who: 'leader' | 'neighbour'; readonly afterMs: number }
  /** The tenant's log goes to the other partition. `tenant` is an index. */
  | { readonly kind: 'move'; readonly tenant: number; readonly afterMs: number };
/** `late commit`: cut off, and the COMMIT arrives when the next leader is at work. `silence`: nothing passes, nothing is closed. */
export const LINE_FAULTS = ['lose answer', 'lose request', 'late commit', 'slow', 'silence'] as const;
export type LineFault = (typeof LINE_FAULTS)[number];
/** By the names under which they are counted: what a whole torture must have done besides hitting steps. */
export const FAULT_NAMES: readonly string[] = [
  ...LINE_FAULTS.map((how) => `line: ${how}`),
  ...['postgres', 'nats'].flatMap((engine) => [`${engine}: kill`, `${engine}: restart`]),
  'facts refused',
  'disk full',
  'clock: ahead',
  'clock: behind',
  'contend',
  'plain kill: leader',
  'plain kill: neighbour',
  'move',
  ...WITNESS_FAULTS.map((how) => `witness: ${how}`),
];

/** Uniform in [0, 1), the same row of numbers for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** In [least, most]. */
  int(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  of<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new RangeError('nothing to choose from');
    return item;
  }
}

/** Whether receipts wait for a witness in this run: a world is of one kind, so it is known before the schedule. */
export function isWitnessed(seed: number): boolean {
  return randomOf(seed ^ 0x717e55)() < WITNESSED;
}
const WITNESSED = 0.25;

/** The step of the list whose turn it is, and of those that only a witnessed ledger passes, in some runs of one. */
export function stepOf(seed: number): Step {
  const ownSteps = isWitnessed(seed) && randomOf(seed ^ 0x57e95)() < 0.3 ? WITNESS_STEPS : STEPS;
  const step = ownSteps[seed % ownSteps.length];
  if (step === undefined) throw new RangeError('a list of steps is empty');
  return step;
}

/** Runs with seeds in a row kill at each of the steps in turn, whatever else they do. */
export function scheduleOf(seed: number): Schedule {
  const dice = new Dice(seed);
  const step = stepOf(seed);
  const tenants = Array.from({ length: dice.int(step.wants === 'foreign' ? 2 : 1, 3) }, (_, at) =>
    tenantAt(seed, at),
  );
  const first = [hitFor(dice, step), ...besideOf(dice, step)];
  if (isWitnessed(seed) && dice.chance(0.3)) first.push(witnessFault(dice));
  if (dice.chance(MOVED_MEANWHILE)) first.push(moveOf(dice, tenants.length));
  const rounds: Round[] = [
    ...groundOf(step),
    { traffic: trafficFor(dice, tenants.length, step), faults: first },
  ];
  for (let more = dice.int(0, 2); more > 0; more--) {
    const faults = [
      isWitnessed(seed) && dice.chance(0.5)
        ? hitFor(dice, dice.of(WITNESS_STEPS))
        : anyFault(dice, tenants.length),
    ];
    if (dice.chance(0.2)) faults.push(anyFault(dice, tenants.length));
    if (isWitnessed(seed) && dice.chance(0.4)) faults.push(witnessFault(dice));
    rounds.push({ traffic: trafficFor(dice, tenants.length), faults: faults.filter(isCompatible) });
  }
  return { seed, tenants, rounds };
}

/** Share of the runs in which a tenant moves while the step of the list is hit. */
const MOVED_MEANWHILE = 0.15;

/** Born in the first partition, where the hits are, and in the other one, by turns. */
function tenantAt(seed: number, at: number): string {
  for (let attempt = 0; ; attempt++) {
    const name = `t${seed.toString(36)}-${at}${attempt === 0 ? '' : `-${attempt}`}`;
    if (belongsTo(name, { partition: 0, partitions: 2, stored: undefined }) === at % 2) return name;
  }
}

function moveOf(dice: Dice, tenants: number): Fault {
  return { kind: 'move', tenant: dice.int(0, tenants - 1), afterMs: dice.int(0, 300) };
}

function witnessFault(dice: Dice): Fault {
  return { kind: 'witness', how: dice.of(WITNESS_FAULTS), forMs: dice.int(100, 1_500) };
}

/** Two faults of one kind would undo each other. */
function isCompatible(fault: Fault, at: number, all: readonly Fault[]): boolean {
  return all.findIndex(({ kind }) => kind === fault.kind) === at;
}

function trafficFor(dice: Dice, tenants: number, step?: Step): readonly Traffic[] {
  const traffic = Array.from({ length: dice.int(3, 12) }, (): Traffic => {
    const what = dice.of(TRAFFIC);
    return { tenant: dice.int(0, tenants - 1), what, ...sizeOf(dice, what) };
  });
  for (const what of kindsFor(step)) {
    const at = dice.int(0, traffic.length);
    traffic.splice(at, 0, what);
  }
  return traffic;
}

function sizeOf(dice: Dice, what: TrafficKind): { count: number; fillBytes: number } {
  if (what === 'plain' && dice.chance(0.1))
    return { count: dice.int(1, 4), fillBytes: dice.int(20_000, 60_000) };
  if (what === 'plain' && dice.chance(0.15)) return { count: dice.int(40, 128), fillBytes: 0 };
  return {
    count: dice.chance(0.5) ? 1 : dice.int(2, 8),
    fillBytes: dice.chance(0.2) ? dice.int(1, 4_000) : 0,
  };
}

const plain = (count: number): Traffic => ({ tenant: 0, what: 'plain', count, fillBytes: 0 });
const again = (count: number): readonly Traffic[] => [
  { ...plain(count), what: 'again' },
  { ...plain(count), what: 'twice' },
];

/** What has to have happened in peace before: a tile is full when a commit goes beyond it. */
function groundOf({ wants }: Step): readonly Round[] {
  return wants === 'again in a full tile' ? [{ traffic: [plain(128), plain(30)], faults: [] }] : [];
}

function kindsFor(step: Step | undefined): readonly Traffic[] {
  switch (step?.wants) {
    case undefined:
    case 'birth':
      return [plain(3)];
    case 'bulk':
      return [plain(60), plain(50)];
    case 'long talk':
      // longer than it takes another one to see that the lease has ended
      return Array.from({ length: 2 }, () => ({ ...plain(40), what: 'chain' }));
    case 'foreign':
      return [{ ...plain(3), tenant: 1 }];
    case 'full tile':
      return [plain(128), plain(128), plain(40)];
    case 'key':
      return [{ ...plain(2), what: 'key' }];
    case 'stale':
      return [{ ...plain(1), what: 'stale' }];
    case 'again':
      return again(2);
    case 'again in a full tile':
      return again(125);
  }
}

function hitFor(dice: Dice, { name, action, when, wants, after, beside }: Step): Fault {
  // a step that passes once in a log's life is hit the first time
  const isRare = when !== 'turn' || wants !== undefined || beside !== undefined;
  const nth = isRare || dice.chance(0.5) ? 1 : dice.int(2, 4);
  return {
    kind: 'hit',
    step: name,
    nth,
    action,
    when,
    ...(after === undefined ? {} : { after }),
    blockMs: 0,
  };
}

/** The trouble without which the step does not pass. */
function besideOf(dice: Dice, { beside }: Step): readonly Fault[] {
  switch (beside) {
    case undefined:
      return [];
    case 'contend':
      // while the clients still have something to say
      return [{ kind: 'contend', afterMs: dice.int(0, 50) }];
    case 'silence':
      return [{ kind: 'line', how: 'silence', forMs: 1_200 }];
  }
}

function anyFault(dice: Dice, tenants: number): Fault {
  const afterMs = dice.int(0, 150);
  switch (dice.int(0, 17)) {
    case 0:
    case 1:
      return hitFor(dice, dice.of(STEPS));
    case 2:
    case 3:
    case 4:
      return anyHit(dice);
    case 5:
      return { ...anyHit(dice), action: 'stop' };
    case 6:
    case 7:
    case 8:
      return { kind: 'line', how: dice.of(LINE_FAULTS), forMs: dice.int(50, 800) };
    case 9:
      return { kind: 'postgres', how: dice.of(['kill', 'restart']), afterMs, awayMs: dice.int(0, 500) };
    case 10:
      return { kind: 'nats', how: dice.of(['kill', 'restart']), afterMs, awayMs: dice.int(0, 500) };
    case 11:
      return { kind: 'facts refused', forMs: dice.int(100, 1_000) };
    case 12:
      return { kind: 'disk full', forMs: dice.int(100, 1_000) };
    case 13:
      return { kind: 'clock', aheadMs: dice.of([1, -1]) * dice.int(1_000, 6 * 3_600_000), afterMs };
    case 14:
      return { kind: 'contend', afterMs };
    case 15:
    case 16:
      return moveOf(dice, tenants);
    default:
      return { kind: 'plain kill', who: dice.of(['leader', 'neighbour']), afterMs };
  }
}

/** Anything but a kill. */
function anyHit(dice: Dice): Extract<Fault, { kind: 'hit' }> {
  const { name, when } = dice.of(STEPS.filter((step) => step.when === 'turn'));
  const action = dice.of(actionsAt(name));
  return { kind: 'hit', step: name, nth: dice.int(1, 3), action, when, blockMs: dice.int(50, 1_500) };
}

/** A stream of bytes can only be cut; of messages one can be lost, or come twice. */
function actionsAt(step: string): readonly Action[] {
  const isMessage = step.startsWith('nats ') && !step.endsWith(' sent') && !step.includes(' whole ');
  return isMessage ? ['cut', 'cut', 'drop', 'double', 'block'] : ['cut', 'cut', 'block'];
}
