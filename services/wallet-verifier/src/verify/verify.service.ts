import type { LocalSigner } from '@logline/canon-sign';
import {
  splitRequest,
  type AcceptEnvelope,
  type AcceptRequest,
  type AckReply,
  type Envelope,
} from '@logline/contracts';
import type { Coalescer } from '@logline/jetstream';
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

/** Nothing waits longer than this for knowledge, however patient its client. */
const LONGEST_WAIT_MS = 30_000;

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
    const { known, signer, nowMs, verdicts } = this.#parts;
    const { tenant, deadline_ms, spans } = request;
    const isKnown = this.#untilKnown(request);
    // awaited only where it must be: what need not wait keeps its place in the line
    const isReady = isKnown === true || (await isKnown);
    if (!isReady || nowMs() > deadline_ms) return verdicts.inc({ outcome: 'late' }, spans.length);
    if (known.isBroken(tenant)) return this.#refuseAll(request);
    const verified = verifyRequest({ request, bodies, knowledge: known.of(tenant), signer, nowMs: nowMs() });
    if (verified.allowed > 0) verdicts.inc({ outcome: 'allowed' }, verified.allowed);
    if (verified.denied > 0) verdicts.inc({ outcome: 'denied' }, verified.denied);
    // added together, so that nothing comes between the parts of one request
    const parts = splitRequest(verified.request, verified.bodies);
    await Promise.all(parts.map((part) => this.#parts.toLedger.add(part.request, part.bodies)));
  }

  /** The gate may know facts that have not reached this process; its proofs would be denied for want of them. */
  #untilKnown(request: AcceptRequest): Promise<boolean> | true {
    const { known, nowMs } = this.#parts;
    const index = indexBehind(request);
    if (known.of(request.tenant).index >= index || known.isBroken(request.tenant)) return true;
    const waitMs = Math.min(request.deadline_ms - nowMs(), LONGEST_WAIT_MS);
    return known.reached(request.tenant, index, AbortSignal.timeout(Math.max(0, waitMs)));
  }

  #refuseAll({ tenant, reply, trace, language, spans }: AcceptRequest): void {
    const no = toUnavailable('the log of this tenant cannot be read', language);
    this.#parts.verdicts.inc({ outcome: 'unavailable' }, spans.length);
    this.#parts.log.warn({ tenant, trace }, 'a request was refused: the log of its tenant cannot be read');
    this.#parts.answer(
      reply,
      trace,
      spans.map(({ position }) => ({ position, ack: { ...no, trace_id: trace } })),
    );
  }
}
