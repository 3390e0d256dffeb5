import { eventually } from '@logline/testing';
import { Violation } from './claims.ts';
import type { Hit, LedgerPair, PairEars } from './ledger-pair.ts';
import { moveAway } from './move.ts';
import type { Order } from './orders.ts';
import type { Fault } from './schedule.ts';
import type { TortureWorld } from './torture-world.ts';

export type FaultGround = {
  readonly world: TortureWorld;
  /** They contend for the first partition; hits are aimed at them. */
  readonly pair: LedgerPair;
  /** They contend for the other one. */
  readonly neighbours: LedgerPair;
  readonly ears: PairEars;
  /** Of the schedule, by index. */
  readonly tenants: readonly string[];
  /** Called with each hit until the returned function is. */
  readonly onHit: (listen: (hit: Hit) => void) => () => void;
  readonly tell: (what: string) => void;
  readonly throwIfViolated: () => void;
};

/** A fault under way. */
export type Broken = {
  /** Resolves when it has happened; never when it waits for something that does not come. */
  readonly happened: Promise<unknown>;
  /** It is over, and what it stopped runs again. */
  mend(): Promise<void>;
  /** What did happen, for the table; nothing when it did not. */
  names(): readonly string[];
  /** To be mended when all else is: it needs the others whole. */
  readonly isLast?: boolean;
};

/** A frozen leader's transaction holds the lease until PostgreSQL gives up on it. */
const TAKEN_OVER_WITHIN_MS = 12_000;

export async function breakIt(fault: Fault, ground: FaultGround): Promise<Broken> {
  switch (fault.kind) {
    case 'hit':
      return hit(fault, ground);
    case 'line':
      return breakLine(fault, ground);
    case 'postgres':
    case 'nats':
      return endEngine(fault, ground);
    case 'facts refused':
      return forAWhile('facts refused', fault.forMs, ground, {
        begin: () => ground.world.refuseFacts(true),
        end: () => ground.world.refuseFacts(false),
      });
    case 'disk full':
      return fillDisk(fault, ground);
    case 'clock':
      return jump(fault, ground);
    case 'witness':
      return breakWitness(fault, ground);
    case 'contend':
      return after('contend', fault.afterMs, ground, async () => {
        const { leader } = ground.pair;
        if (leader !== undefined) await ground.pair.endLease(leader);
      });
    case 'plain kill': {
      const { who, afterMs } = fault;
      const pair = who === 'leader' ? ground.pair : ground.neighbours;
      return after(`plain kill: ${who}`, afterMs, ground, async () => void (await pair.leader?.kill()));
    }
    case 'move':
      return move(fault, ground);
  }
}

async function hit(fault: Extract<Fault, { kind: 'hit' }>, ground: FaultGround): Promise<Broken> {
  const { pair, tell, world } = ground;
  const { step, nth, action, when, after: first, blockMs } = fault;
  const names: string[] = [];
  const hits: Hit[] = [];
  const order = { kind: 'arm', step, nth, action, blockMs } as const;
  await pair.settled(15_000);
  let mover: Broken | undefined;
  const { leader, other } = pair;
  let unlisten = (): void => undefined;
  const happened = new Promise<void>((resolve) => {
    unlisten = ground.onHit((one) => {
      if (one.step !== step) return;
      hits.push(one);
      names.push(`${action}: ${step}`);
      resolve();
    });
  });
  tell(`armed: ${action} at ${step}, passage ${nth}`);
  switch (when) {
    case 'turn':
    case 'lease':
      leader?.order(order);
      break;
    case 'takeover':
      other?.order(order);
      if (first === undefined) leader?.signal('SIGKILL');
      else leader?.order({ ...order, step: first, nth: 1 });
      break;
    case 'stop':
      leader?.order(order);
      leader?.signal('SIGTERM');
      break;
    case 'move':
      mover = move({ tenant: 0, afterMs: 0 }, ground, order);
      break;
  }
  return {
    happened: mover === undefined ? happened : mover.happened,
    isLast: mover !== undefined,
    names: () => names,
    mend: async () => {
      await mover?.mend();
      unlisten();
      pair.order({ kind: 'disarm' });
      for (const { ledger } of hits) if (action === 'stop') await thaw(ledger, { pair, tell, world });
      // one that was to stop may have been hit only in part
      if (when === 'stop' && leader?.isAlive === true) leader.signal('SIGKILL');
    },
  };
}

/** Whoever was frozen sees when it wakes that another one leads. */
async function thaw(
  frozen: Hit['ledger'],
  { pair, tell }: Pick<FaultGround, 'pair' | 'tell' | 'world'>,
): Promise<void> {
  const wasLeading = frozen.isLeading;
  try {
    if (!wasLeading) return;
    await pair.endLease(frozen);
    await pair.settled(TAKEN_OVER_WITHIN_MS, frozen).catch(() => {
      throw new Violation(
        `pid ${frozen.pid} is frozen and nobody takes over within ${TAKEN_OVER_WITHIN_MS} ms`,
      );
    });
    tell(
      `pid ${pair.ledgers.find((one) => one.isLeading && one !== frozen)?.pid ?? 0} leads beside a frozen one`,
    );
  } finally {
    frozen.signal('SIGCONT');
  }
}

/** An operator at work; with an order, one who is hit. */
function move(
  { tenant, afterMs }: { readonly tenant: number; readonly afterMs: number },
  ground: FaultGround,
  order?: Order,
): Broken {
  const names: string[] = [];
  const happened = moveAway(ground.tenants[tenant] ?? '', afterMs, ground, order).then((isMoved) => {
    if (isMoved) names.push('move');
  });
  happened.catch(() => undefined); // mend() throws it
  return { happened, isLast: true, names: () => names, mend: () => happened };
}

async function breakLine(
  { how, forMs }: Extract<Fault, { kind: 'line' }>,
  { world: { line }, tell }: FaultGround,
): Promise<Broken> {
  let isHit = false;
  const happened = new Promise<void>((resolve) => {
    line.break(how, forMs, () => {
      isHit = true;
      tell(`the line to PostgreSQL: ${how}`);
      if (how === 'slow' || how === 'silence') setTimeout(resolve, forMs);
      else resolve();
    });
  });
  return {
    happened,
    names: () => (isHit ? [`line: ${how}`] : []),
    mend: async () => {
      // what was begun ends: a late COMMIT arrives, a slow line is slow as long as it was to be
      if (isHit) await new Promise((resolve) => setTimeout(resolve, forMs));
      line.mend();
    },
  };
}

async function breakWitness(
  { how, forMs }: Extract<Fault, { kind: 'witness' }>,
  { world: { witness }, tell }: FaultGround,
): Promise<Broken> {
  let isNoticed = false;
  tell(`witness: ${how}, from now on`);
  witness?.break(how, () => (isNoticed = true));
  return {
    happened: new Promise((resolve) => setTimeout(resolve, forMs)),
    names: () => (isNoticed ? [`witness: ${how}`] : []),
    mend: async () => {
      witness?.mend();
      tell(`witness: ${how}: over`);
    },
  };
}

const BACK_WITHIN_MS = 30_000;

async function endEngine(
  { kind, how, afterMs, awayMs }: Extract<Fault, { kind: 'postgres' | 'nats' }>,
  ground: FaultGround,
): Promise<Broken> {
  const engine = ground.world[kind];
  return after(`${kind}: ${how}`, afterMs, ground, async () => {
    await engine.end(how);
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    // on a disk that is full just now it does not start
    await eventually(() => engine.start(), { withinMs: BACK_WITHIN_MS });
    ground.tell(`${kind} is back`);
  });
}

async function fillDisk(
  { forMs }: Extract<Fault, { kind: 'disk full' }>,
  ground: FaultGround,
): Promise<Broken> {
  const { disk, postgres, ask } = ground.world;
  if (disk.problem !== undefined)
    return { happened: Promise.resolve(), names: () => [], mend: async () => undefined };
  return forAWhile('disk full', forMs, ground, {
    begin: async () => disk.fill(),
    end: async () => {
      disk.free();
      // it may have given up
      await eventually(() => ask('SELECT 1'), { withinMs: 1_000 }).catch(() => postgres.start());
    },
  });
}

async function jump(
  { aheadMs, afterMs }: Extract<Fault, { kind: 'clock' }>,
  ground: FaultGround,
): Promise<Broken> {
  const jumped = await after(`clock: ${aheadMs > 0 ? 'ahead' : 'behind'}`, afterMs, ground, async () => {
    for (const pair of [ground.pair, ground.neighbours]) pair.order({ kind: 'clock', aheadMs });
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  return {
    ...jumped,
    mend: async () => {
      await jumped.mend();
      for (const pair of [ground.pair, ground.neighbours]) pair.order({ kind: 'clock', aheadMs: 0 });
    },
  };
}

/** Happens by itself, once, and is over when it has. */
function after(name: string, afterMs: number, { tell }: FaultGround, work: () => Promise<unknown>): Broken {
  const happened = new Promise((resolve) => setTimeout(resolve, afterMs)).then(() => {
    tell(name);
    return work();
  });
  happened.catch(() => undefined); // mend() throws it
  return { happened, names: () => [name], mend: async () => void (await happened) };
}

async function forAWhile(
  name: string,
  forMs: number,
  { tell }: FaultGround,
  { begin, end }: { begin: () => Promise<void>; end: () => Promise<void> },
): Promise<Broken> {
  await begin();
  tell(`${name}, from now on`);
  return {
    happened: new Promise((resolve) => setTimeout(resolve, forMs)),
    names: () => [name],
    mend: async () => {
      await end();
      tell(`${name}: over`);
    },
  };
}
