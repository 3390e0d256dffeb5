import { canonicalText, type LocalSigner, signObjectSync, spanIdFromCause } from '@logline/canon-sign';
import { formatInstant, type UnsignedSpan } from '@logline/contracts';
import type { Report, Self } from '../domain/reports.ts';
import type { Said } from '../domain/runner-state.ts';

/**
 * A report as the signed span that will be sent, byte for byte, until it is answered.
 *
 * @param lease - of the run it belongs to, which a stop's own report shares
 * @param number - of the report within its run: with the plan that caused it, it makes the id
 * @param nowMs - when it was journaled; the span's `ts`
 */
export function toSaid(
  report: Report,
  by: {
    readonly self: Self;
    readonly signer: LocalSigner;
    readonly lease: number;
    readonly number: number;
    readonly nowMs: number;
  },
): Said {
  const { about, intent, payload } = report;
  const { self, signer, lease, number, nowMs } = by;
  const unsigned: UnsignedSpan = {
    schema_version: '1.1.0',
    entity_type: 'function',
    this: spanIdFromCause(about.causeMs, about.cause, self.runner, `${intent}-${number}`),
    did: { actor: signer.kid, action: 'append' },
    intent,
    subject: about.subject,
    payload,
    ts: formatInstant(nowMs),
  };
  return {
    this: unsigned.this,
    intent,
    lease,
    trace: about.trace,
    entry: canonicalText(signObjectSync('span', unsigned, signer)),
  };
}
