import type { AcceptEnvelope, AckReply, Envelope, SubmitRequest } from '@logline/contracts';
import type { Log as Logger } from '@logline/jetstream';
import { POSTGRES_FAULTS, PostgresError } from '@logline/postgres';
import { toFailureAck } from '../domain/ack.ts';
import { type BatchRequest, toRequests } from '../domain/batch.ts';
import { toRecheck } from '../domain/recheck.ts';
import { LedgerError } from '../errors.ts';
import { toFacts } from '../publish/fact.ts';
import type { FactsLane } from '../publish/facts-lane.ts';
import { loadLogs } from '../storage/load-logs.ts';
import { outwaitCommits } from '../storage/outwait-commits.ts';
import type { AppendMetrics } from './append-metrics.ts';
import type { Memory } from './memory.ts';
import { pause } from './pause.ts';
import { type Answer, takeTurn, type TurnContext, type TurnResult } from './turn.ts';
import { type Waiting, WaitingRoom } from './waiting-room.ts';

export type AppendParts = Omit<TurnContext, 'lease'> & {
  readonly leaseName: string;
  readonly lane: FactsLane;
  /** Core NATS: a lost ack loses nothing. */
  readonly answer: (reply: string, trace: string, acks: AckReply['acks']) => void;
  /** Resolves when the gate's queue has it. */
  readonly recheck: (request: SubmitRequest, bodies: readonly Uint8Array[]) => Promise<void>;
  /** This process does not lead any more, whatever it believed. */
  readonly onDeposed: () => void;
  readonly metrics: AppendMetrics;
  readonly log: Logger;
};

const LONGEST_PAUSE_MS = 2_000;

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

  constructor(parts: AppendParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
  }

  /** Envelopes that wait for a turn. */
  get waiting(): number {
    return this.#waiting.size;
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
  }

  async #run(epoch: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#waiting.filled(signal);
      await this.#parts.lane.room(signal);
      if (!signal.aborted) await this.#settle(this.#waiting.takeTurn(), epoch, signal);
    }
    this.#waiting.empty(notLeading());
  }

  /** Until each of them is answered, or this process stops leading. */
  async #settle(turn: readonly Waiting[], epoch: number, signal: AbortSignal): Promise<void> {
    let isDoubtful = false;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        if (isDoubtful) await this.#republish(turn);
        isDoubtful = false;
        const requests = turn.flatMap((waiting) => waiting.requests);
        const result = await takeTurn(requests, {
          ...this.#parts,
          lease: { name: this.#parts.leaseName, epoch },
        });
        this.#publish(result);
        this.#answer(turn, result);
        this.#parts.metrics.turn(result);
        return;
      } catch (error) {
        this.#parts.metrics.failed(error);
        this.#memory.forget();
        const reaction = reactionTo(error);
        if (reaction !== 'again')
          this.#parts.log.warn({ err: error, attempt, envelopes: turn.length, reaction }, 'a turn failed');
        switch (reaction) {
          case 'again':
            break;
          case 'later':
            isDoubtful ||= leavesDoubt(error);
            this.#parts.connection.close();
            this.#answerLate(turn);
            if (turn.every(({ requests }) => requests.length === 0)) return finish(turn);
            await pause(Math.min(LONGEST_PAUSE_MS, 50 * 2 ** Math.min(attempt, 10)), signal);
            break;
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

  /** One of them cannot be taken: each alone, so that the others go through. */
  async #takeApart(
    turn: readonly Waiting[],
    error: unknown,
    epoch: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (turn.length > 1) {
      for (const waiting of turn) await this.#settle([waiting], epoch, signal);
      return;
    }
    for (const { requests } of turn) for (const request of requests) this.#answerAll(request, '500_INTERNAL');
    fail(turn, error);
  }

  #publish({ seals }: TurnResult): void {
    for (const seal of seals)
      this.#parts.lane.push({ log: seal.after, size: seal.after.size, facts: toFacts(seal) });
  }

  /** After a COMMIT with an unknown outcome: what it may have committed goes out as well. */
  async #republish(turn: readonly Waiting[]): Promise<void> {
    const { connection, partition, lane, leaseName } = this.#parts;
    await connection.open();
    await outwaitCommits(connection, leaseName);
    const tenants = new Set(turn.flatMap(({ requests }) => requests.map(({ tenant }) => tenant)));
    for (const log of await loadLogs(connection, partition, [...tenants]))
      lane.push({ log, size: log.size, facts: [] });
  }

  #answer(turn: readonly Waiting[], { answers }: TurnResult): void {
    let at = 0;
    for (const waiting of turn) {
      const own = answers.slice(at, (at += waiting.requests.length));
      for (const { request, acks } of own) {
        const ready = acks.flatMap((ack, position) =>
          ack === undefined ? [] : [{ position: request.spans[position]?.position ?? 0, ack }],
        );
        if (ready.length > 0) this.#parts.answer(request.reply, request.trace, ready);
      }
      const goesBack = own.filter(({ acks }) => acks.includes(undefined));
      if (goesBack.length === 0) waiting.done();
      else void Promise.all(goesBack.map((answer) => this.#recheck(answer))).then(waiting.done, waiting.fail);
    }
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

type Reaction = 'again' | 'later' | 'apart' | 'depose' | 'fail';

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
      case 'LOG_CORRUPT':
      case 'BAD_ENTRY':
        return 'apart';
    }
  }
  if (error instanceof PostgresError && error.code === 'COMMIT_UNKNOWN') return 'later';
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
