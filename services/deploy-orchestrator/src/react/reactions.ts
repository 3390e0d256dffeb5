import { canonicalBytes, signObjectSync, spanIdFromCause, type LocalSigner } from '@logline/canon-sign';
import { formatInstant, type Ack, type UnsignedSpan } from '@logline/contracts';
import type { FactSubmitter } from '@logline/jetstream';
import type { DeployFact } from '../domain/deploy.ts';
import { OrchestratorError } from '../errors.ts';

export const SERVICE = 'deploy-orchestrator';
/** How long one reaction may wait for its receipt before the fact it answers is taken up again. */
const SETTLE_WITHIN_MS = 30_000;

export type Cause = {
  /** Span the fact answers, and its log time: the id is made of both. */
  readonly cause: string;
  readonly causeMs: number;
  /** The fact's own `ts`; the same on every try. */
  readonly tsMs: number;
  readonly tenant: string;
  readonly subject: string;
  readonly trace: string;
};

/** Signs a decided fact and sees it into the log. Doing it twice gives the same bytes, hence the same receipt. */
export class Reactions {
  readonly #submitter: FactSubmitter;
  readonly #signer: LocalSigner;
  #term = new AbortController();

  constructor(submitter: FactSubmitter, signer: LocalSigner) {
    this.#submitter = submitter;
    this.#signer = signer;
  }

  /** A leader's term begins. */
  begin(): void {
    this.#term = new AbortController();
  }

  /** It ends: nobody waits for verdicts any more. Whoever leads next asks again, with the same bytes. */
  end(): void {
    this.#term.abort();
  }

  /**
   * The gate's and the ledger's answer: `ok`, or a no that asking again will not change.
   * @throws JetStreamError `DEADLINE`, OrchestratorError `UNSETTLED` when there is none yet; the same bytes may be sent again
   */
  async submit(fact: DeployFact, { cause, causeMs, tsMs, tenant, subject, trace }: Cause): Promise<Ack> {
    const unsigned: UnsignedSpan = {
      schema_version: '1.1.0',
      entity_type: 'function',
      this: spanIdFromCause(causeMs, cause, SERVICE, fact.step),
      did: { actor: SERVICE, action: 'append' },
      intent: fact.intent,
      subject,
      payload: fact.payload,
      ts: formatInstant(tsMs),
    };
    const [ack] = await this.#submitter.submit({
      tenant,
      trace,
      bodies: [canonicalBytes(signObjectSync('span', unsigned, this.#signer))],
      deadlineMs: Date.now() + SETTLE_WITHIN_MS,
      signal: this.#term.signal,
    });
    if (ack === undefined || (ack.status !== 'ok' && ack.http_status >= 500)) {
      throw new OrchestratorError('UNSETTLED', `${fact.intent} of ${subject} has no verdict yet`);
    }
    return ack;
  }
}
