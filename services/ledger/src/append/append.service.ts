import type { AcceptEnvelope, AcceptRequest, AckReply, Envelope, SubmitRequest } from '@logline/contracts';
import { JetStreamError, type Log as Logger } from '@logline/jetstream';
import { POSTGRES_FAULTS, PostgresError } from '@logline/postgres';
import type { AnchorKeeper } from '../anchor/anchor-keeper.ts';
import { belongsTo } from '../domain/assignment.ts';
import { toFailureAck } from '../domain/ack.ts';
import { type BatchRequest, toRequests } from '../domain/batch.ts';
import { toAccepted } from '../domain/pass-on.ts';
import type { Seal } from '../domain/seal.ts';
import { toRecheck } from '../domain/recheck.ts';
import { LEDGER_FAULTS, LedgerError } from '../errors.ts';
import { isSame, type Tip } from '../domain/anchor.ts';
import { toFacts } from '../publish/fact.ts';
import type { FactsLane } from '../publish/facts-lane.ts';
import { findPartitions } from '../storage/find-partitions.ts';
import { loadLogs } from '../storage/load-logs.ts';
import { loadTip } from '../storage/load-tip.ts';
import { outwaitCommits } from '../storage/outwait-commits.ts';
import type { AppendMetrics } from './append-metrics.ts';
import type { Memory } from './memory.ts';
import { pause } from './pause.ts';
import type { ReceiptHold } from './receipt-hold.ts';
import { type Answer, takeTurn, type TurnContext, type TurnResult } from './turn.ts';
import { splitWaiting, type Waiting, WaitingRoom } from './waiting-room.ts';

export type AppendParts = Omit<TurnContext, 'lease' | 'tip'> & {
  readonly leaseName: string;
  readonly anchor: AnchorKeeper;
  readonly lane: FactsLane;
  /** Core NATS: a lost ack loses nothing. */
  readonly answer: (reply: string, trace: string, acks: AckReply['acks']) => void;
  /** How many partitions the installation has. */
  readonly partitions: number;
  /** Resolves when the queue of that partition has it. */
  readonly passOn: (
    partition: number,
    request: AcceptRequest,
    bodies: readonly Uint8Array[],
  ) => Promise<void>;
  /** Resolves when the gate's queue has it. */
  readonly recheck: (request: SubmitRequest, bodies: readonly Uint8Array[]) => Promise<void>;
  /** This process does not lead any more, whatever it believed. */
  readonly onDeposed: () => void;
  /** Every commit, as soon as it is one. Never waits, never throws. */
  readonly committed?: (seals: readonly Seal[]) => void;
  /** Something may have been committed that `committed` has not told of: by a turn in doubt, by another leader, by a move of a tenant. Never waits, never throws. */
  readonly committedUnheard?: () => void;
  /** Keeps receipts back until witnesses have cosigned them; left out, nothing waits. */
  readonly hold?: ReceiptHold | undefined;
  readonly metrics: AppendMetrics;
  readonly log: Logger;
};

const LONGEST_PAUSE_MS = 2_000;
/** How long a partition that refuses to sign waits before it looks at the anchor again; who asks meanwhile is answered after it. */
const REFUSAL_PAUSE_MS = 1_000;

/**
 * The append loop of one partition: everything that waits in one turn, then the next turn (group commit without a timer). One turn at a time;
 * what arrives while PostgreSQL writes is the next one.
 */
export class AppendService {
  readonly #parts: AppendParts;
  readonly #memory: Memory;
  readonly #waiting = new WaitingRoom();
  #leading: { readonly epoch: number; readonly stopping: AbortController } | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Tenants of turns that may have been committed without anchor, facts and replies; undefined while nothing is in doubt. */
  #inDoubt: Set<string> | undefined;
  #refusal: LedgerError | undefined;

  constructor(parts: AppendParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
  }

  /** Envelopes that wait for a turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Why nothing is signed: the anchor says that this is not the database whose commits were acknowledged. */
  get refusal(): LedgerError | undefined {
    return this.#refusal;
  }

  /**
   * Queues the envelope before it returns, and resolves when all its spans are committed and answered, or answered with a no.
   * @throws LedgerError `BAD_ENTRY` for garbage, which is answered as our fault; `NOT_LEADING`
   */
  append(envelope: Envelope<AcceptEnvelope>): Promise<void> {
    if (this.#leading === undefined) return Promise.reject(notLeading());
    try {
      return this.#waiting.enter(toRequests(envelope));
    } catch (error) {
      for (const { reply, trace, language, spans } of envelope.header.requests) {
        const ack = toFailureAck({ trace, language }, '500_INTERNAL');
        this.#parts.answer(
          reply,
          trace,
          spans.map(({ position }) => ({ position, ack })),
        );
      }
      return Promise.reject(error);
    }
  }

  /** Begins to take turns as the leader of this epoch, with nothing remembered from an earlier one. */
  lead(epoch: number): void {
    const stopping = new AbortController();
    this.#memory.forget();
    // before the first signature of an epoch the anchor is read, whether anybody asks for one or not
    this.#parts.anchor.doubt();
    this.#inDoubt = new Set();
    this.#leading = { epoch, stopping };
    this.#running = this.#run(epoch, stopping.signal);
  }

  /** Resolves when the current turn has ended. What waits is refused; whoever leads next gets it. */
  async stop(): Promise<void> {
    const leading = this.#leading;
    this.#leading = undefined;
    leading?.stopping.abort();
    await this.#running;
    this.#waiting.empty(notLeading()); // what came in between deposal and now
    this.#parts.connection.close();
    this.#refusal = undefined;
  }

  async #run(epoch: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#inDoubt === undefined) await this.#waiting.filled(signal);
      await this.#parts.lane.room(signal);
      if (!signal.aborted) await this.#settle(this.#waiting.takeTurn(), epoch, signal);
    }
    this.#waiting.empty(notLeading());
  }

  /** Until each of them is answered, or this process stops leading. */
  async #settle(turn: readonly Waiting[], epoch: number, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const tip = await this.#stand(epoch);
        if (turn.length === 0) return;
        await this.#passOn(turn);
        const requests = turn.flatMap((waiting) => waiting.requests);
        const result = await takeTurn(requests, {
          ...this.#parts,
          tip,
          lease: { name: this.#parts.leaseName, epoch },
        });
        await this.#anchor(turn, result, epoch);
        if (result.tip === undefined) await this.#confirm(tip, epoch);
        this.#parts.committed?.(result.seals);
        this.#publish(result);
        this.#answer(turn, result, signal);
        this.#parts.metrics.turn(result);
        return;
      } catch (error) {
        this.#parts.metrics.failed(error);
        if (!isOfOneLog(error)) this.#memory.forget();
        const reaction = reactionTo(error);
        if (reaction !== 'again' && reaction !== 'refuse')
          this.#parts.log.warn({ err: error, attempt, envelopes: turn.length, reaction }, 'a turn failed');
        switch (reaction) {
          case 'again':
            break;
          case 'later':
            if (leavesDoubt(error)) this.#doubt(turn);
            if (error instanceof LedgerError) this.#forgetAll(); // somebody else has committed, or moved a tenant
            this.#parts.connection.close();
            this.#answerLate(turn);
            if (turn.length > 0 && turn.every(({ requests }) => requests.length === 0)) return finish(turn);
            await pause(Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 10)), signal);
            if (turn.length === 0 && this.#waiting.size > 0) return;
            break;
          case 'refuse':
            return await this.#refuse(turn, error, signal);
          case 'apart':
            return await this.#takeApart(turn, error, epoch, signal);
          case 'fail':
            return fail(turn, error);
          case 'depose':
            this.#leading?.stopping.abort();
            this.#parts.onDeposed();
            break;
        }
      }
    }
    fail(turn, notLeading());
  }

  /** One of them cannot be taken: by halves, down to a single request, so that the others go through, and together as far as they can. */
  async #takeApart(
    turn: readonly Waiting[],
    error: unknown,
    epoch: number,
    signal: AbortSignal,
  ): Promise<void> {
    const parts = turn.length > 1 ? turn : turn.flatMap((one) => splitWaiting(one, rankOf));
    if (parts.length > 1) {
      const half = Math.ceil(parts.length / 2);
      await this.#settle(parts.slice(0, half), epoch, signal);
      await this.#settle(parts.slice(half), epoch, signal);
      return;
    }
    for (const { requests } of turn) for (const request of requests) this.#answerAll(request, '500_INTERNAL');
    fail(turn, error);
  }

  /**
   * Where the partition stands, the anchor beside it. Behind it nothing is in doubt any more: what a turn may have committed is anchored, and
   * goes out with the facts.
   */
  async #stand(epoch: number): Promise<Tip> {
    const { anchor, connection, partition, lane, leaseName } = this.#parts;
    if (this.#inDoubt !== undefined) {
      await connection.open();
      await outwaitCommits(connection, leaseName);
    }
    const tip = await anchor.stand(connection, epoch);
    if (this.#refusal !== undefined) this.#parts.log.info({ partition }, 'the anchor stands: signing again');
    this.#refusal = undefined;
    if (this.#inDoubt === undefined) return tip;
    if (this.#inDoubt.size > 0)
      for (const log of await loadLogs(connection, partition, [...this.#inDoubt]))
        lane.push({ log, size: log.size, facts: [] });
    // also of nobody in particular: a tenant that came while an envelope of others was taken, or between the start of an epoch and here
    this.#parts.committedUnheard?.();
    this.#inDoubt = undefined;
    return tip;
  }

  /**
   * Requests of tenants that are in another partition leave, with their places in the line kept. Asked of the database for tenants that are not remembered: one that has
   * moved away unnoticed fails at COMMIT, or in `#confirm`, and comes here again.
   */
  async #passOn(turn: readonly Waiting[]): Promise<void> {
    const { connection, partition, partitions, passOn } = this.#parts;
    const unknown = new Set<string>();
    for (const { requests } of turn)
      for (const { tenant } of requests) if (!this.#memory.has(tenant)) unknown.add(tenant);
    if (unknown.size === 0) return;
    await connection.open();
    const stored = await findPartitions(connection, [...unknown]);
    const homeOf = (tenant: string): number =>
      unknown.has(tenant)
        ? belongsTo(tenant, { partition, partitions, stored: stored.get(tenant) })
        : partition;
    const leaving: Promise<void>[] = [];
    for (const waiting of turn) {
      const foreign = waiting.requests.filter(({ tenant }) => homeOf(tenant) !== partition);
      for (const one of foreign) {
        const { request, bodies } = toAccepted(one);
        leaving.push(passOn(homeOf(one.tenant), request, bodies));
      }
    }
    if (leaving.length === 0) return;
    // a failure passes on again what was passed on already: a span twice is one fact
    await Promise.all(leaving);
    for (const waiting of turn)
      waiting.requests = waiting.requests.filter(({ tenant }) => homeOf(tenant) === partition);
  }

  /** A turn that commits nothing is fenced here: what it says must be true of the partition as it is, not as it was before a pause or a move. */
  async #confirm(tip: Tip, epoch: number): Promise<void> {
    const { connection, partition, leaseName } = this.#parts;
    const now = await loadTip(connection, partition, leaseName);
    if (now.epoch !== epoch) throw new LedgerError('LEASE_LOST', `epoch ${epoch} of ${leaseName} is over`);
    if (!isSame(now.tip.chain, tip.chain))
      throw new LedgerError('LOG_MOVED', `partition ${partition} has gone on without this leader`);
  }

  #forgetAll(): void {
    this.#parts.anchor.doubt();
    this.#parts.lane.doubt();
  }

  #doubt(turn: readonly Waiting[]): void {
    this.#parts.anchor.doubt();
    this.#inDoubt ??= new Set();
    for (const { requests } of turn) for (const { tenant } of requests) this.#inDoubt.add(tenant);
  }

  /** Between COMMIT and everything that tells of it. Failing leaves the turn in doubt: taken again, it is found as a retry. */
  async #anchor(turn: readonly Waiting[], { tip }: TurnResult, epoch: number): Promise<void> {
    if (tip === undefined) return;
    const startMs = performance.now();
    try {
      await this.#parts.anchor.follow(tip, epoch);
      this.#parts.metrics.anchored(performance.now() - startMs);
    } catch (error) {
      this.#doubt(turn);
      throw error;
    }
  }

  /** Nothing is signed. Who waits hears that the outcome is unknown, and all else of this process goes on. */
  async #refuse(turn: readonly Waiting[], error: unknown, signal: AbortSignal): Promise<void> {
    const { log, partition, connection } = this.#parts;
    if (error instanceof LedgerError && this.#refusal?.message !== error.message)
      log.error({ err: error, partition }, 'refusing to sign; `logline log adopt` is the only way on');
    this.#refusal = error instanceof LedgerError ? error : undefined;
    for (const { requests } of turn)
      for (const request of requests) this.#answerAll(request, '503_UNAVAILABLE');
    finish(turn);
    connection.close();
    await pause(REFUSAL_PAUSE_MS, signal);
  }

  #publish({ seals }: TurnResult): void {
    for (const seal of seals) {
      const { logId, tenant, origin, size } = seal.after; // and not its tree, however long the facts may wait
      this.#parts.lane.push({ log: { logId, tenant, origin }, size, facts: toFacts(seal) });
    }
  }

  #answer(turn: readonly Waiting[], { answers }: TurnResult, signal: AbortSignal): void {
    let at = 0;
    for (const waiting of turn) {
      const own = answers.slice(at, (at += waiting.requests.length));
      const open: Promise<void>[] = [];
      for (const answer of own) {
        const held = this.#parts.hold?.hold(answer, signal);
        if (held === undefined) this.#reply(answer);
        else open.push(held.then((released) => this.#reply(released)));
        if (answer.acks.includes(undefined)) open.push(this.#recheck(answer));
      }
      if (open.length === 0) waiting.done();
      else void Promise.all(open).then(waiting.done, waiting.fail);
    }
  }

  #reply({ request, acks }: Answer): void {
    const ready = acks.flatMap((ack, position) =>
      ack === undefined ? [] : [{ position: request.spans[position]?.position ?? 0, ack }],
    );
    if (ready.length > 0) this.#parts.answer(request.reply, request.trace, ready);
  }

  async #recheck({ request, outcomes }: Answer): Promise<void> {
    const recheck = toRecheck(request, outcomes);
    if (recheck === undefined) return;
    try {
      await this.#parts.recheck(recheck.request, recheck.bodies);
    } catch (error) {
      this.#parts.log.warn(
        { err: error, trace: request.trace },
        'a stale request could not go back to the gate',
      );
      const positions = new Set(recheck.request.spans.map(({ position }) => position));
      this.#answerAll(
        { ...request, spans: request.spans.filter(({ position }) => positions.has(position)) },
        '503_UNAVAILABLE',
      );
    }
  }

  /** While PostgreSQL is away: whoever has given up hears that the outcome is unknown, and leaves. */
  #answerLate(turn: readonly Waiting[]): void {
    const nowMs = this.#parts.clock();
    for (const waiting of turn) {
      for (const request of waiting.requests)
        if (request.deadline_ms <= nowMs) this.#answerAll(request, '503_UNAVAILABLE');
      waiting.requests = waiting.requests.filter((request) => request.deadline_ms > nowMs);
    }
  }

  #answerAll(
    { reply, trace, language, spans }: BatchRequest,
    code: '500_INTERNAL' | '503_UNAVAILABLE',
  ): void {
    this.#parts.answer(
      reply,
      trace,
      spans.map(({ position, entry }) => ({
        position,
        ack: toFailureAck({ this: entry.this, trace, language }, code),
      })),
    );
  }
}

/** Something may have been committed that this process has not heard of. */
function leavesDoubt(error: unknown): boolean {
  return (
    (error instanceof PostgresError && error.code === 'COMMIT_UNKNOWN') ||
    (error instanceof LedgerError && error.code === 'LOG_MOVED')
  );
}

/** What is stored of one log is damaged: of the others all is remembered as it is. */
function isOfOneLog(error: unknown): boolean {
  return error instanceof LedgerError && error.code === 'LOG_CORRUPT';
}

const RANKS = { rejected: 1, retryable: 2, fatal: 3 } as const;

/** Of errors about parts of one envelope: what keeps it counts for more than what drops it. */
function rankOf(error: unknown): number {
  if (error instanceof LedgerError) return RANKS[LEDGER_FAULTS[error.code]];
  if (error instanceof PostgresError) return RANKS[POSTGRES_FAULTS[error.code]];
  return RANKS.retryable;
}

type Reaction = 'again' | 'later' | 'refuse' | 'apart' | 'depose' | 'fail';

function reactionTo(error: unknown): Reaction {
  if (error instanceof LedgerError) {
    switch (error.code) {
      case 'TOO_LATE':
        return 'again'; // decided afresh, without those that are late now
      case 'LOG_MOVED':
        return 'later'; // with everything read afresh
      case 'LEASE_LOST':
      case 'NOT_LEADING':
        return 'depose';
      case 'BEHIND_ANCHOR':
      case 'ANCHOR_MISSING':
        return 'refuse';
      case 'LOG_CORRUPT':
      case 'BAD_ENTRY':
      case 'USAGE':
      case 'BAD_EXPORT':
      case 'EXISTS':
      case 'LEDGER_RUNS':
        return 'apart'; // the last four are of chores, and never thrown here
    }
  }
  if (error instanceof JetStreamError) return 'later'; // of the anchor, whatever it is: nothing is answered before it stands
  if (error instanceof PostgresError && error.code === 'COMMIT_UNKNOWN') return 'later';
  // another partition has given its log the same number, or the tenant a home, at the same moment
  if (error instanceof PostgresError && error.constraint?.startsWith('log_') === true) return 'later';
  const fault = error instanceof PostgresError ? POSTGRES_FAULTS[error.code] : 'rejected';
  return fault === 'retryable' ? 'later' : fault === 'fatal' ? 'fail' : 'apart';
}

function finish(turn: readonly Waiting[]): void {
  for (const { done } of turn) done();
}

function fail(turn: readonly Waiting[], error: unknown): void {
  for (const waiting of turn) waiting.fail(error);
}

function notLeading(): LedgerError {
  return new LedgerError('NOT_LEADING', 'this process does not lead the partition');
}
