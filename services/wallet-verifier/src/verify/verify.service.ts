import type { LocalSigner } from '@logline/canon-sign';
import {
  splitRequest,
  type AcceptEnvelope,
  type AcceptRequest,
  type AckReply,
  type Envelope,
} from '@logline/contracts';
import type { Coalescer } from '@logline/jetstream';
import { untilKnown, whyUnknown } from '@logline/jetstream/knowledge';
import type { Counter, Log } from '@logline/service';
import { toUnavailable, type TenantKnowledge } from '@logline/tdln';
import { indexBehind, verifyRequest } from '../domain/verify-request.ts';

export type VerifyParts = {
  readonly known: TenantKnowledge;
  readonly signer: LocalSigner;
  readonly toLedger: Pick<Coalescer<AcceptRequest>, 'add'>;
  /** Core NATS; a lost answer loses nothing. */
  readonly answer: (reply: string, trace: string, acks: AckReply['acks']) => void;
  readonly nowMs: () => number;
  /** By `outcome`: allowed, denied, late, unavailable. */
  readonly verdicts: Counter;
  readonly log: Log;
};

export class VerifyService {
  readonly #parts: VerifyParts;

  constructor(parts: VerifyParts) {
    this.#parts = parts;
  }

  /**
   * Adds the verdicts and passes every request on; resolves when the ledger's queue has them. Requests keep their order, but
   * for those that must wait for knowledge.
   *
   * @throws JetStreamError when the ledger's queue does not take it now; VerifierError `NOT_A_SPAN`
   */
  async verify({ header, bodies }: Envelope<AcceptEnvelope>): Promise<void> {
    let at = 0;
    const running = header.requests.map((request) => {
      const count = request.spans.reduce((sum, span) => sum + (span.verdict_length > 0 ? 2 : 1), 0);
      return this.#verifyOne(request, bodies.slice(at, (at += count)));
    });
    await Promise.all(running);
  }

  async #verifyOne(request: AcceptRequest, bodies: readonly Uint8Array[]): Promise<void> {
    const { known, signer, nowMs, verdicts, log } = this.#parts;
    const { tenant, deadline_ms, spans } = request;
    // the gate may know facts that have not reached this process; its proofs would be denied for want of them
    const needed = { tenant, index: indexBehind(request), deadlineMs: deadline_ms };
    const isKnown = untilKnown(known, needed, { nowMs: nowMs(), log });
    // awaited only where it must be: what need not wait keeps its place in the line
    const isReady = isKnown === true || (await isKnown);
    if (!isReady || nowMs() > deadline_ms) return verdicts.inc({ outcome: 'late' }, spans.length);
    const why = whyUnknown(known, tenant);
    if (why !== null) return this.#refuseAll(request, why);
    const verified = verifyRequest({ request, bodies, knowledge: known.of(tenant), signer, nowMs: nowMs() });
    if (verified.allowed > 0) verdicts.inc({ outcome: 'allowed' }, verified.allowed);
    if (verified.denied > 0) verdicts.inc({ outcome: 'denied' }, verified.denied);
    // added together, so that nothing comes between the parts of one request
    const parts = splitRequest(verified.request, verified.bodies);
    await Promise.all(parts.map((part) => this.#parts.toLedger.add(part.request, part.bodies)));
  }

  #refuseAll({ tenant, reply, trace, language, spans }: AcceptRequest, why: string): void {
    const no = toUnavailable(why, language);
    this.#parts.verdicts.inc({ outcome: 'unavailable' }, spans.length);
    this.#parts.log.warn({ tenant, trace }, `a request was refused: ${why}`);
    this.#parts.answer(
      reply,
      trace,
      spans.map(({ position }) => ({ position, ack: { ...no, trace_id: trace } })),
    );
  }
}
