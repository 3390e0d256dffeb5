import type { LocalSigner } from '@logline/canon-sign';
import {
  splitRequest,
  type AcceptRequest,
  type Envelope,
  type SubmitEnvelope,
  type SubmitRequest,
} from '@logline/contracts';
import type { Coalescer } from '@logline/jetstream';
import { untilKnown, whyUnknown } from '@logline/jetstream/knowledge';
import type { Log } from '@logline/service';
import { toUnavailable, type OperatorKey, type TenantKnowledge } from '@logline/tdln';
import { judgeRequest, type Judgement, type PositionedAck } from '../domain/judge-request.ts';
import { senderOf } from '../domain/sender.ts';
import type { JudgeMetrics } from './judge-metrics.ts';

export type JudgeParts = {
  readonly known: TenantKnowledge;
  readonly signer: LocalSigner;
  readonly operatorKeys: readonly OperatorKey[];
  readonly toVerifier: Pick<Coalescer<AcceptRequest>, 'add'>;
  readonly toLedger: Pick<Coalescer<AcceptRequest>, 'add'>;
  /** Core NATS; a lost answer loses nothing. */
  readonly answer: (reply: string, trace: string, acks: readonly PositionedAck[]) => void;
  readonly nowMs: () => number;
  readonly metrics: JudgeMetrics;
  readonly log: Log;
};

/** Where a message stood, and when JetStream stored it: the clock by which deadlines count. */
export type Arrival = { readonly subject: string; readonly timestampMs: number };

export class JudgeService {
  readonly #parts: JudgeParts;

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  /**
   * Answers or passes on every request of the envelope; resolves when all that goes on is stored. Requests are judged in the
   * order they came, but for those that must wait for knowledge. Done twice it does no harm: the ledger knows what it has.
   *
   * @throws JetStreamError when the next stream does not take it now
   */
  async judge({ header, bodies }: Envelope<SubmitEnvelope>, arrival: Arrival): Promise<void> {
    let at = 0;
    const running = header.requests.map((request) => {
      const own = bodies.slice(at, (at += request.spans.length));
      return this.#judgeOne(request, own, arrival);
    });
    await Promise.all(running);
  }

  async #judgeOne(
    request: SubmitRequest,
    bodies: readonly Uint8Array[],
    { subject, timestampMs }: Arrival,
  ): Promise<void> {
    const { signer, operatorKeys, nowMs, metrics, log } = this.#parts;
    const sender = senderOf(subject, request);
    if (sender.caller === null) {
      metrics.count('forged', request.spans.length);
      return void log.warn({ subject, trace: request.trace }, `a request was dropped: ${sender.why}`);
    }
    const submittedMs = request.recheck?.submitted_ms ?? timestampMs;
    const deadlineMs = submittedMs + request.wait_ms;
    // awaited only where it must be: what need not wait keeps its place in the line
    const isKnown = this.#untilKnown(request, deadlineMs);
    const isReady = isKnown === true || (await isKnown);
    if (!isReady || nowMs() > deadlineMs) return metrics.count('late', request.spans.length);
    const why = whyUnknown(this.#parts.known, request.tenant);
    if (why !== null) return this.#refuseAll(request, why);
    const startMs = performance.now();
    const judgement = judgeRequest({
      request,
      bodies,
      signer,
      operatorKeys,
      submittedMs,
      deadlineMs,
      caller: sender.caller,
      knowledge: this.#parts.known.of(request.tenant),
      nowMs: nowMs(),
    });
    metrics.judged(judgement, performance.now() - startMs);
    if (judgement.answered.length > 0) this.#parts.answer(request.reply, request.trace, judgement.answered);
    await this.#passOn(judgement);
  }

  /** A request that came back is judged only once the facts are known that sent it back. */
  #untilKnown({ tenant, recheck }: SubmitRequest, deadlineMs: number): Promise<boolean> | true {
    const { known, nowMs, log } = this.#parts;
    if (recheck === undefined) return true;
    return untilKnown(known, { tenant, index: recheck.min_index, deadlineMs }, { nowMs: nowMs(), log });
  }

  async #passOn({ request, bodies, goesToVerifier }: Judgement): Promise<void> {
    if (request === null) return;
    const next = goesToVerifier ? this.#parts.toVerifier : this.#parts.toLedger;
    // added together, so that nothing comes between the parts of one request
    await Promise.all(splitRequest(request, bodies).map((part) => next.add(part.request, part.bodies)));
  }

  #refuseAll({ reply, trace, language, spans }: SubmitRequest, why: string): void {
    const no = toUnavailable(why, language);
    this.#parts.metrics.count('unavailable', spans.length);
    this.#parts.answer(
      reply,
      trace,
      spans.map(({ position }) => ({ position, ack: { ...no, trace_id: trace } })),
    );
  }
}
