import { Injectable } from '@nestjs/common';
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
@Injectable()
export class Reactions {
  constructor(
    private readonly submitter: FactSubmitter,
    private readonly signer: LocalSigner,
  ) {}

  /** @throws OrchestratorError `UNSETTLED` when no answer came in time */
  async submit(fact: DeployFact, about: Cause): Promise<Ack> {
    const unsigned: UnsignedSpan = {
      schema_version: '1.1.0',
      entity_type: 'function',
      this: spanIdFromCause(about.causeMs, about.cause, SERVICE, fact.step),
      did: { actor: SERVICE, action: 'append' },
      intent: fact.intent,
      subject: about.subject,
      payload: fact.payload,
      ts: formatInstant(about.tsMs),
    };
    const bytes = canonicalBytes(signObjectSync('span', unsigned, this.signer));
    const [ack] = await this.submitter.submit({
      tenant: about.tenant,
      trace: about.trace,
      bodies: [bytes],
      deadlineMs: Date.now() + SETTLE_WITHIN_MS,
    });
    if (ack === undefined)
      throw new OrchestratorError('UNSETTLED', `no answer to ${fact.intent} of ${about.subject}`);
    if (ack.status !== 'ok' && ack.http_status >= 500) {
      throw new OrchestratorError(
        'UNSETTLED',
        `${fact.intent} of ${about.subject}: ${ack.errors.join('; ')}`,
      );
    }
    return ack;
  }
}
