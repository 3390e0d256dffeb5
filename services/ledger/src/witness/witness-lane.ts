import type { Log as Logger } from '@logline/jetstream';
import { formatAddCheckpoint } from '@logline/tlog';
import type { Seal } from '../domain/seal.ts';
import type { FactLog } from '../publish/fact.ts';
import type { Cosigned } from '../storage/save-cosignature.ts';
import type { askWitness, WitnessAnswer } from './ask-witness.ts';
import { backoffMs } from './backoff.ts';
import { CoverWaiters } from './cover-waiters.ts';
import type { WitnessMetrics } from './witness-metrics.ts';
import type { Witness, WitnessPolicy } from './witness-policy.ts';

export type WitnessLaneParts = {
  readonly policy: WitnessPolicy;
  readonly ask: typeof askWitness;
  /** The signed checkpoint of a committed size. */
  readonly readCheckpoint: (logId: number, size: number) => Promise<string>;
  /** That the log only grew from one committed size to another. */
  readonly prove: (logId: number, from: number, to: number) => Promise<readonly Uint8Array[]>;
  readonly save: (log: FactLog, witness: Witness, cosigned: Cosigned) => Promise<void>;
  /** A checkpoint with the cosignatures of a quorum, for whoever reads the log. Resolves when it is stored. */
  readonly publish: (tenant: string, note: string) => Promise<unknown>;
  readonly timeoutMs: number;
  /** A log is sent out this often at most. */
  readonly everyMs: number;
  readonly clock: () => number;
  readonly random: () => number;
  readonly metrics: WitnessMetrics;
  readonly log: Logger;
};

export type WatchedLog = {
  readonly log: FactLog;
  readonly size: number;
  readonly cosigned: ReadonlyMap<string, Cosigned>;
};

/** Logs that are sent out at once. */
const MOST_ROUNDS = 8;
/** Whoever changes its size while it is asked is asked again, so often. */
const MOST_CONFLICTS = 3;
/** A witness that does not answer is left alone, for all logs. */
const DOWN = { firstMs: 250, mostMs: 5_000 };
/** A witness that answers, and not with a cosignature, is asked about that log again. */
const DECLINED = { firstMs: 30_000, mostMs: 300_000 };

/** Owned by the lane. What one witness has said about one log. */
type Opinion = {
  cosigned: Cosigned | undefined;
  refusals: number;
  retryAtMs: number;
  contradiction: string | undefined;
};
/** Owned by the lane. */
type LogState = {
  readonly log: FactLog;
  newest: { readonly size: number; readonly note: string | undefined };
  readonly opinions: Map<string, Opinion>;
  /** What is stored for readers; 0 for nothing. With how many cosignatures, so that a late one is added. */
  published: { readonly size: number; readonly count: number };
  round: 'none' | 'ready' | 'running';
  startedMs: number;
  timer: NodeJS.Timeout | undefined;
};

/**
 * Has checkpoints cosigned, in rounds: the newest one of a log goes to all witnesses at once, so that a quorum is one of one checkpoint, and
 * what is committed meanwhile is the next round. A log that grows fast is sent at its newest size and not for each commit. Nothing here
 * holds up the append loop: `committed` never waits. What is remembered is one state per log of the partition.
 */
export class WitnessLane {
  readonly #parts: WitnessLaneParts;
  readonly #logs = new Map<string, LogState>();
  /** By witness: transport failures in a row, and when it is asked again. */
  readonly #down = new Map<string, { failures: number; retryAtMs: number }>();
  readonly #ready: LogState[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #waiters = new CoverWaiters();
  #stopping = AbortSignal.abort();
  #stop: () => void = () => undefined;

  constructor(parts: WitnessLaneParts) {
    this.#parts = parts;
  }

  /** Logs whose newest checkpoint no quorum has cosigned yet. */
  get uncovered(): number {
    let count = 0;
    for (const { log, newest } of this.#logs.values())
      if (this.#waiters.covered(log.tenant) < newest.size) count++;
    return count;
  }

  /** What witnesses hold against us: `<witness> says of <origin>: …`. */
  get contradictions(): readonly string[] {
    return [...this.#logs.values()].flatMap(({ log: { origin }, opinions }) =>
      [...opinions].flatMap(([name, { contradiction }]) =>
        contradiction === undefined ? [] : [`${name} of ${origin}: ${contradiction}`],
      ),
    );
  }

  /** Witnesses that do not answer. */
  get silent(): readonly string[] {
    return [...this.#down.keys()].toSorted();
  }

  /** Begins anew with these logs; those whose newest checkpoint is not cosigned by all are sent out. */
  start(logs: readonly WatchedLog[]): void {
    const stopping = new AbortController();
    this.#stopping = stopping.signal;
    this.#stop = () => stopping.abort();
    this.#logs.clear();
    this.#down.clear();
    this.#waiters.forget();
    for (const { log, size, cosigned } of logs) {
      if (!this.#parts.policy.concerns(log.origin)) continue;
      const state = this.#watch(log, { size, note: undefined });
      for (const { name, id } of this.#parts.policy.witnesses)
        opinionOf(state, name).cosigned = cosigned.get(id);
      for (const { size: covered } of [...cosigned.values()].toSorted((a, b) => b.size - a.size))
        if (this.#isQuorum(state, covered)) {
          this.#waiters.cover(log.tenant, covered);
          break;
        }
      // what is published may be lost with the stream: a round of cosignatures that are there already publishes them again
      this.#schedule(state, 0);
    }
  }

  /** Resolves when nothing is in flight any more. Whoever waits is told no more. */
  async stop(): Promise<void> {
    this.#stop();
    for (const state of this.#logs.values()) clearTimeout(state.timer);
    this.#ready.length = 0;
    await Promise.all(this.#running);
  }

  /** The newest checkpoints, once committed. Never waits. */
  committed(seals: readonly Seal[]): void {
    if (this.#stopping.aborted) return;
    for (const { after, checkpoint } of seals) {
      if (!this.#parts.policy.concerns(after.origin)) continue;
      const newest = { size: after.size, note: checkpoint };
      const known = this.#logs.get(after.tenant);
      if (known === undefined) this.#schedule(this.#watch(after, newest), 0);
      else {
        known.newest = newest;
        this.#schedule(known, this.#untilNextMs(known));
      }
    }
  }

  /** Whether a quorum has cosigned a checkpoint of at least this size; true for a log that is not sent out. */
  covers({ tenant, origin }: Pick<FactLog, 'tenant' | 'origin'>, size: number): boolean {
    return !this.#parts.policy.concerns(origin) || this.#waiters.covered(tenant) >= size;
  }

  /** Resolves when a quorum has, or the signal aborts. */
  untilCovered(tenant: string, size: number, signal: AbortSignal): Promise<void> {
    return this.#waiters.wait(tenant, size, signal);
  }

  #watch({ logId, tenant, origin }: FactLog, newest: LogState['newest']): LogState {
    const state: LogState = {
      log: { logId, tenant, origin },
      newest,
      opinions: new Map(),
      published: { size: 0, count: 0 },
      round: 'none',
      startedMs: -Infinity,
      timer: undefined,
    };
    this.#logs.set(tenant, state);
    return state;
  }

  #untilNextMs({ startedMs }: LogState): number {
    return Math.max(0, startedMs + this.#parts.everyMs - this.#parts.clock());
  }

  #schedule(state: LogState, delayMs: number): void {
    if (state.round !== 'none' || this.#stopping.aborted) return;
    clearTimeout(state.timer);
    if (delayMs > 0) {
      state.timer = setTimeout(() => this.#schedule(state, 0), delayMs);
      return;
    }
    state.round = 'ready';
    this.#ready.push(state);
    this.#pump();
  }

  #pump(): void {
    while (this.#running.size < MOST_ROUNDS) {
      const state = this.#ready.shift();
      if (state === undefined) return;
      state.round = 'running';
      const round = this.#round(state)
        .catch((err: unknown) => {
          this.#parts.log.error(
            { err, log: state.log.origin },
            'a checkpoint could not be sent to witnesses',
          );
          return DOWN.mostMs;
        })
        .then((againMs) => {
          this.#running.delete(round);
          state.round = 'none';
          if (againMs !== undefined) this.#schedule(state, againMs);
          this.#pump();
        });
      this.#running.add(round);
    }
  }

  /** @returns when the next one is due; undefined when there is nothing more to ask */
  async #round(state: LogState): Promise<number | undefined> {
    const { policy, readCheckpoint, clock } = this.#parts;
    const { log } = state;
    const { size } = state.newest;
    const note = state.newest.note ?? (await readCheckpoint(log.logId, size));
    state.startedMs = clock();
    const asked = await Promise.allSettled(
      policy.witnesses
        .filter((witness) => this.#isDue(state, witness, size, state.startedMs))
        .map((witness) => this.#ask(state, witness, size, note)),
    );
    if (this.#stopping.aborted) return undefined;
    const failed = asked.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.#publish(state, size, note);
    if (state.newest.size > size) return this.#untilNextMs(state);
    const dueMs = policy.witnesses.flatMap(({ name }) => {
      const { cosigned, retryAtMs } = opinionOf(state, name);
      return cosigned?.size === size ? [] : [Math.max(retryAtMs, this.#down.get(name)?.retryAtMs ?? 0)];
    });
    return dueMs.length === 0
      ? undefined
      : Math.max(this.#untilNextMs(state), Math.min(...dueMs) - clock(), 1);
  }

  #isDue(state: LogState, { name }: Witness, size: number, nowMs: number): boolean {
    const { cosigned, retryAtMs } = opinionOf(state, name);
    return cosigned?.size !== size && retryAtMs <= nowMs && (this.#down.get(name)?.retryAtMs ?? 0) <= nowMs;
  }

  async #ask(state: LogState, witness: Witness, size: number, checkpoint: string): Promise<void> {
    const { ask, prove, timeoutMs, metrics } = this.#parts;
    const opinion = opinionOf(state, witness.name);
    let from = opinion.cosigned?.size ?? 0;
    for (let attempt = 1; attempt <= MOST_CONFLICTS; attempt++) {
      const proof = from === 0 ? [] : await prove(state.log.logId, from, size);
      const body = formatAddCheckpoint({ oldSize: BigInt(from), proof, checkpoint });
      const answer = await ask(witness, { body, checkpoint, timeoutMs, signal: this.#stopping });
      if (this.#stopping.aborted) return;
      metrics.asked(witness.name, answer.kind);
      if (answer.kind !== 'fails') this.#down.delete(witness.name);
      switch (answer.kind) {
        case 'cosigned':
          return await this.#cosigned(state, witness, { size, line: answer.line });
        case 'conflict':
          // asked again at the size it says, unless that is none of ours
          if (answer.size > size || answer.size === from)
            return this.#contradicted(state, witness, contradictionOf(answer.size, from, size));
          from = answer.size;
          break;
        case 'contradicts':
          return this.#contradicted(state, witness, answer.why);
        case 'declines':
          return this.#declined(state, witness, answer.why);
        case 'fails':
          return this.#failed(witness, answer);
      }
    }
    this.#declined(
      state,
      witness,
      'its size kept changing while it was asked: does somebody else send this log?',
    );
  }

  async #cosigned(state: LogState, witness: Witness, cosigned: Cosigned): Promise<void> {
    const opinion = opinionOf(state, witness.name);
    if (opinion.contradiction !== undefined || opinion.refusals > 0)
      this.#parts.log.info({ witness: witness.name, log: state.log.origin }, 'a witness cosigns again');
    Object.assign(opinion, { cosigned, refusals: 0, retryAtMs: 0, contradiction: undefined });
    // the witness has it on disk: what is not stored here is asked of it again
    await this.#parts.save(state.log, witness, cosigned).catch((err: unknown) => {
      this.#parts.log.warn(
        { err, witness: witness.name, log: state.log.origin },
        'a cosignature is not stored',
      );
    });
    if (this.#isQuorum(state, cosigned.size)) this.#waiters.cover(state.log.tenant, cosigned.size);
  }

  /** The one thing a witness is there for. Said at every attempt, until somebody looks. */
  #contradicted(state: LogState, witness: Witness, why: string): void {
    const opinion = opinionOf(state, witness.name);
    opinion.contradiction = why;
    this.#later(opinion);
    this.#parts.log.error(
      { witness: witness.name, log: state.log.origin, size: state.newest.size, why },
      'A WITNESS SAYS THAT THIS LOG IS A FORK: it has seen a history that is not ours; was the database restored from an old copy?',
    );
  }

  #declined(state: LogState, witness: Witness, why: string): void {
    const opinion = opinionOf(state, witness.name);
    this.#later(opinion);
    this.#parts.log.warn({ witness: witness.name, log: state.log.origin, why }, 'a witness does not cosign');
  }

  #later(opinion: Opinion): void {
    const { clock, random } = this.#parts;
    opinion.retryAtMs = clock() + backoffMs(++opinion.refusals, DECLINED, random);
  }

  /** For all logs at once: a witness that is away is not asked once for each of them. */
  #failed({ name }: Witness, { why }: Extract<WitnessAnswer, { kind: 'fails' }>): void {
    const { clock, random, log } = this.#parts;
    const failures = (this.#down.get(name)?.failures ?? 0) + 1;
    this.#down.set(name, { failures, retryAtMs: clock() + backoffMs(failures, DOWN, random) });
    if (failures === 1) log.warn({ witness: name, why }, 'a witness does not answer');
  }

  #isQuorum(state: LogState, size: number): boolean {
    return this.#parts.policy.isQuorum(cosignersOf(state, size).map(([name]) => name));
  }

  async #publish(state: LogState, size: number, note: string): Promise<void> {
    const cosigners = cosignersOf(state, size);
    const { published, log } = state;
    if (!this.#isQuorum(state, size) || (published.size === size && published.count === cosigners.length))
      return;
    await this.#parts.publish(log.tenant, note + cosigners.map(([, line]) => line).join(''));
    state.published = { size, count: cosigners.length };
  }
}

function opinionOf({ opinions }: LogState, name: string): Opinion {
  const known = opinions.get(name);
  if (known !== undefined) return known;
  const opinion = { cosigned: undefined, refusals: 0, retryAtMs: 0, contradiction: undefined };
  opinions.set(name, opinion);
  return opinion;
}

/** Whoever has cosigned the checkpoint of this very size, and with which line. */
function cosignersOf({ opinions }: LogState, size: number): [name: string, line: string][] {
  return [...opinions].flatMap(([name, { cosigned }]): [string, string][] =>
    cosigned?.size === size ? [[name, cosigned.line]] : [],
  );
}

function contradictionOf(theirs: number, from: number, size: number): string {
  return theirs === from
    ? `another tree of ${theirs} leaves`
    : `it has cosigned ${theirs} leaves, and this log has only ${size}`;
}
