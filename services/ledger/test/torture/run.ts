import { callApi } from '@logline/jetstream';
import { STREAMS } from '@logline/contracts';
import { eventually } from '@logline/testing';
import { checkAnchors } from './check-anchors.ts';
import { checkTenant } from './check.ts';
import { type Claim, isSettled, Violation } from './claims.ts';
import type { Clients } from './clients.ts';
import { Conversations } from './conversations.ts';
import { type Broken, breakIt, type FaultGround } from './faults.ts';
import { type Fault, randomOf, type Round, type Schedule } from './schedule.ts';

export type RunGround = Omit<FaultGround, 'tenants'> & { readonly clients: Clients };
export type RunResult = {
  readonly entries: number;
  readonly receipts: number;
  readonly faults: readonly string[];
};

/** How long one round's faults may take to happen. */
const ROUND_MS = 2_500;
/** Everything is up again, and clients ask until they are answered. */
const SETTLED_WITHIN_MS = 60_000;

/** Does what the schedule says, lets everything settle, and checks it. @throws Violation, or whatever a check throws */
export async function run(schedule: Schedule, ground: RunGround): Promise<RunResult> {
  const { clients, pair, neighbours, tell } = ground;
  await Promise.all([pair.settled(30_000), neighbours.settled(30_000)]);
  const over = new AbortController();
  const conversations = new Conversations({
    clients,
    tenants: schedule.tenants,
    signal: over.signal,
    random: randomOf(schedule.seed ^ 0x5eed),
  });
  const faults: string[] = [];
  try {
    const open: Promise<void>[] = [];
    for (const round of schedule.rounds)
      open.push(...(await playRound(round, conversations, { ...ground, tenants: schedule.tenants }, faults)));
    tell('all faults are off');
    await settle(Promise.all([conversations.born(), ...open]), conversations.claims, ground);
  } finally {
    over.abort();
  }
  tell('every client has its answer');
  await quiet(ground);
  tell('no envelope is on its way');
  const receipts = await askAgain(conversations.claims, clients);
  await quiet(ground);
  tell('every receipt was given again');
  ground.throwIfViolated();
  let entries = 0;
  const isClockSteady = !schedule.rounds.some((round) => round.faults.some(({ kind }) => kind === 'clock'));
  const tenants = [...new Set(conversations.claims.map(({ tenant }) => tenant))];
  for (const tenant of tenants) {
    const own = conversations.claims.filter((claim) => claim.tenant === tenant);
    const size = await checkTenant(ground.world, tenant, own, { isClockSteady });
    if (size > 0) await ground.world.witness?.checkCosigned(ground.world.nc, tenant, size);
    entries += size;
  }
  await checkAnchors(ground.world);
  ground.world.witness?.throwIfViolated();
  clients.forget();
  return { entries, receipts, faults };
}

/** The traffic of the round, which may go on behind it, and its faults, which do not. */
async function playRound(
  { traffic, faults }: Round,
  conversations: Conversations,
  ground: FaultGround,
  done: string[],
): Promise<readonly Promise<void>[]> {
  const broken: Broken[] = [];
  // a step is armed in whoever leads, and behind a broken line nobody may
  const hitsFirst = faults.toSorted(
    (one, other) => Number(other.kind === 'hit') - Number(one.kind === 'hit'),
  );
  for (const fault of hitsFirst) broken.push(await breakIt(fault, ground));
  const open = traffic.map((one) => conversations.have(one));
  for (const one of open) one.catch(() => undefined); // settle() waits for it and throws
  const quietly = Promise.all([...open, new Promise((resolve) => setTimeout(resolve, 100))]).catch(
    () => undefined,
  );
  const happened = broken.length === 0 ? quietly : Promise.all(broken.map((one) => one.happened));
  const isLasting = faults.some(lasts);
  await Promise.race([
    isLasting ? happened : Promise.race([happened, quietly]),
    new Promise((resolve) => setTimeout(resolve, ROUND_MS)),
  ]);
  for (const one of broken.toSorted((a, b) => Number(a.isLast ?? false) - Number(b.isLast ?? false))) {
    await one.mend();
    done.push(...one.names());
  }
  return open;
}

/** Whether it comes by itself, however little the clients have to say. */
function lasts(fault: Fault): boolean {
  return fault.kind !== 'line' && !(fault.kind === 'hit' && fault.when === 'turn');
}

async function settle(
  open: Promise<unknown>,
  claims: readonly Claim[],
  { pair, tell }: RunGround,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), SETTLED_WITHIN_MS);
  });
  const outcome = await Promise.race([open, late]);
  clearTimeout(timer);
  if (outcome !== 'late') return;
  const waiting = claims.filter((claim) => !isSettled(claim));
  tell(
    `${waiting.length} spans wait, ${pair.leader === undefined ? 'nobody leads' : `pid ${pair.leader.pid} leads`}`,
  );
  throw new Violation(
    `${waiting.length} spans are not answered ${SETTLED_WITHIN_MS / 1_000} s after the last fault`,
  );
}

/** No envelope is on its way any more: what will be committed is committed. */
async function quiet({ world: { nc } }: RunGround): Promise<void> {
  await eventually(
    async () => {
      for (const stream of [STREAMS.accept, STREAMS.submit]) {
        const { state } = await callApi(nc, `STREAM.INFO.${stream}`, undefined);
        const messages =
          typeof state === 'object' && state !== null && 'messages' in state ? state.messages : 0;
        if (messages !== 0) throw new Violation(`${String(messages)} messages stay in ${stream}`);
      }
    },
    { withinMs: 45_000 },
  );
}

const MOST_TOGETHER = 100;
const MOST_TOGETHER_BYTES = 300_000;

/** Every receipt is given once more; it must be the same. How many there are. */
async function askAgain(claims: readonly Claim[], clients: Clients): Promise<number> {
  const held = claims.filter(({ receipt }) => receipt !== undefined);
  const confirmed = new Map(held.map((claim) => [claim, claim.confirmed]));
  for (const [tenant, own] of Map.groupBy(held, (claim) => claim.tenant)) {
    for (const some of inParts(own)) {
      for (
        let attempt = 0;
        attempt < 5 && some.some((claim) => claim.confirmed === confirmed.get(claim));
        attempt++
      )
        await clients.send([{ tenant, claims: some }], { waitMs: 5_000 });
    }
  }
  const missing = held.filter((claim) => claim.confirmed === confirmed.get(claim));
  if (missing.length > 0) throw new Violation(`${missing.length} receipts are not given a second time`);
  return held.length;
}

function inParts(claims: readonly Claim[]): readonly (readonly Claim[])[] {
  const parts: Claim[][] = [[]];
  let bytes = 0;
  for (const claim of claims) {
    const size = claim.judged.cause.bytes.length + (claim.judged.verdict?.bytes.length ?? 0);
    const last = parts.at(-1) ?? [];
    if (last.length >= MOST_TOGETHER || bytes + size > MOST_TOGETHER_BYTES) {
      parts.push([claim]);
      bytes = size;
    } else {
      last.push(claim);
      bytes += size;
    }
  }
  return parts.filter(({ length }) => length > 0);
}
