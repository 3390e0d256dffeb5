import type { Log as Logger } from '@logline/jetstream';
import { formatAddCheckpoint } from '@logline/tlog';
import { pause } from '../append/pause.ts';
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
  /** The logs of the partition as they are stored now. */
  readonly load: () => Promise<readonly WatchedLog[]>;
  /** Its stored size; null for a log that is not in the partition any more. */
  readonly readSize: (logId: number) => Promise<number | null>;
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
  readonly random: () => number;
  readonly metrics: WitnessMetrics;
  readonly log: Logger;
};

export type WatchedLog = {
  readonly log: FactLog;
  readonly size: number;
  readonly cosigned: ReadonlyMap<string, Cosigned>;
};

/** Every time here is one that has passed since another: a wall clock that is set back would put everything off. */
const nowMs = (): number => performance.now();

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
  #refreshing: Promise<void> = Promise.resolve();

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

  /** Begins anew with the logs of the partition; those whose newest checkpoint is not cosigned by all are sent out. */
  async start(): Promise<void> {
    const logs = await this.#parts.load();
    const stopping = new AbortController();
    this.#stopping = stopping.signal;
    this.#stop = () => stopping.abort();
    for (const one of logs) this.#take(one);
  }

  /** Resolves when nothing is in flight any more, and knows nothing then. Whoever waits is told no more. */
  async stop(): Promise<void> {
    this.#stop();
    for (const state of this.#logs.values()) clearTimeout(state.timer);
    this.#ready.length = 0;
    await Promise.all([...this.#running, this.#refreshing]);
    this.#logs.clear();
    this.#down.clear();
    this.#waiters.forget();
  }

  /** Somebody else has committed, or a log has come from another partition: what is stored is looked at again, soon. Never waits. */
  refresh(): void {
    this.#refreshing = this.#refreshing.then(() => this.#refresh());
  }

  async #refresh(): Promise<void> {
    const signal = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const logs = await this.#parts.load();
        if (!signal.aborted) for (const one of logs) this.#take(one);
        return;
      } catch (err) {
        this.#parts.log.warn({ err, attempt }, 'the logs to be witnessed could not be read');
        await pause(backoffMs(attempt + 1, DOWN, this.#parts.random), signal);
      }
    }
  }

  /** A log as it is stored, which may be behind what has been committed meanwhile. */
  #take({ log, size, cosigned }: WatchedLog): void {
    if (!this.#parts.policy.concerns(log.origin)) return;
    const known = this.#logs.get(log.tenant);
    const state = known ?? this.#watch(log, { size, note: undefined });
    const hasGrown = size > state.newest.size;
    if (hasGrown) state.newest = { size, note: undefined };
    for (const { name, id } of this.#parts.policy.witnesses) {
      const stored = cosigned.get(id);
      const opinion = opinionOf(state, name);
      if ((stored?.size ?? 0) > (opinion.cosigned?.size ?? 0)) opinion.cosigned = stored;
    }
    for (const { size: covered } of [...cosigned.values()].toSorted((a, b) => b.size - a.size))
      if (this.#isQuorum(state, covered)) {
        this.#waiters.cover(log.tenant, covered);
        break;
      }
    // what is published may be lost with the stream: a round of cosignatures that are there already publishes them again
    if (known === undefined || hasGrown) this.#schedule(state, this.#untilNextMs(state));
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
    return Math.max(0, startedMs + this.#parts.everyMs - nowMs());
  }

  #schedule(state: LogState, delayMs: number): void {
    if (state.round !== 'none' || this.#stopping.aborted || this.#logs.get(state.log.tenant) !== state)
      return;
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
    const { policy, readCheckpoint } = this.#parts;
    const { log } = state;
    const { size } = state.newest;
    const note = state.newest.note ?? (await readCheckpoint(log.logId, size));
    state.startedMs = nowMs();
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
      : Math.max(this.#untilNextMs(state), Math.min(...dueMs) - nowMs(), 1);
  }

  #isDue(state: LogState, { name }: Witness, size: number, atMs: number): boolean {
    const { cosigned, retryAtMs } = opinionOf(state, name);
    return cosigned?.size !== size && retryAtMs <= atMs && (this.#down.get(name)?.retryAtMs ?? 0) <= atMs;
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
          if (answer.size > size && (await this.#hasCommitted(state, answer.size))) return;
          if (answer.size > size || answer.size === from)
            return await this.#contradicted(state, witness, contradictionOf(answer.size, from, size));
          from = answer.size;
          break;
        case 'contradicts':
          return await this.#contradicted(state, witness, answer.why);
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
  async #contradicted(state: LogState, witness: Witness, why: string): Promise<void> {
    if ((await this.#storedSize(state)) === null) return;
    const opinion = opinionOf(state, witness.name);
    opinion.contradiction = why;
    this.#later(opinion);
    this.#parts.log.error(
      { witness: witness.name, log: state.log.origin, size: state.newest.size, why },
      'A WITNESS SAYS THAT THIS LOG IS A FORK: it has seen a history that is not ours; was the database restored from an old copy?',
    );
  }

  /** Whoever leads by now, here or in the partition the log has moved to, has committed so much: the next round looks whether it is the same history. */
  async #hasCommitted(state: LogState, theirs: number): Promise<boolean> {
    const size = await this.#storedSize(state);
    if (size !== null && size >= theirs && size > state.newest.size) state.newest = { size, note: undefined };
    return size === null || size >= theirs;
  }

  /** Null for a log that has moved away: its new leader has it witnessed, and this one leaves it alone. */
  async #storedSize(state: LogState): Promise<number | null> {
    const size = await this.#parts.readSize(state.log.logId);
    if (size === null) this.#logs.delete(state.log.tenant);
    return size;
  }

  #declined(state: LogState, witness: Witness, why: string): void {
    const opinion = opinionOf(state, witness.name);
    this.#later(opinion);
    this.#parts.log.warn({ witness: witness.name, log: state.log.origin, why }, 'a witness does not cosign');
  }

  #later(opinion: Opinion): void {
    const { random } = this.#parts;
    opinion.retryAtMs = nowMs() + backoffMs(++opinion.refusals, DECLINED, random);
  }

  /** For all logs at once: a witness that is away is not asked once for each of them. */
  #failed({ name }: Witness, { why }: Extract<WitnessAnswer, { kind: 'fails' }>): void {
    const { random, log } = this.#parts;
    const failures = (this.#down.get(name)?.failures ?? 0) + 1;
    this.#down.set(name, { failures, retryAtMs: nowMs() + backoffMs(failures, DOWN, random) });
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
