import { canonicalBytes } from '@logline/canon-sign';
import type { Span } from '@logline/contracts';
import { TdlnError } from './errors.ts';
import type { Fault } from './fault.ts';
import { Hearing } from './hearing.ts';
import { judge } from './judge.ts';
import type { Knowledge } from './knowledge.ts';
import type { OperatorKey } from './signer.ts';
import { checkForm } from './statement-form.ts';

/** The clocks that judged may have been ahead of the ledger's; a log must not become unreadable for that. */
const JUDGES_AHEAD_MS = 10 * 60_000;

export type VerifyFactOptions = {
  /** The key the tenant must have been born with; taken as it comes when left out. */
  readonly root?: { readonly kid: string; readonly pub: string };
  /** Who may have signed the birth; unchecked when left out, since the root key's possession is what counts. */
  readonly operatorKeys?: readonly OperatorKey[];
};

/**
 * Returns quietly when a logged fact keeps the gate's rules at its place of the log, and throws otherwise. For readers who
 * trust neither gate nor ledger: fold each fact only after this. API tokens and their slots are not looked at, since the log
 * does not say which token asked.
 *
 * @param knowledge - of the log up to just before the fact
 * @throws TdlnError `GAP` when it is not, `FACT_REFUSED` with the first reason
 */
export function verifyFact(
  fact: { readonly span: Span; readonly index: number; readonly timeMs: number },
  knowledge: Knowledge,
  options: VerifyFactOptions = {},
): void {
  const { span, index, timeMs } = fact;
  if (index !== knowledge.index + 1) {
    throw new TdlnError(
      'GAP',
      `fact ${index} was handed in after ${knowledge.index}: read the log from ${knowledge.index + 1}`,
    );
  }
  if (timeMs < knowledge.timeMs) throw new TdlnError('FACT_REFUSED', `fact ${index} runs back in time`);
  const form = checkForm(span, canonicalBytes(span), knowledge.tenant, null);
  if (form.statement === null) throw refused(index, form.faults);
  if (form.statement.intent === 'registry.tenant.created' && options.root !== undefined) {
    const { kid, pub } = form.statement.payload.root;
    if (kid !== options.root.kid || pub !== options.root.pub) {
      throw new TdlnError(
        'FACT_REFUSED',
        `the tenant was born with the root key ${kid}, which is not the one pinned`,
      );
    }
  }
  const hearing = new Hearing(knowledge, timeMs, JUDGES_AHEAD_MS);
  judge(hearing, form, { kind: 'unchecked' }, options.operatorKeys ?? null);
  if (hearing.faults.length > 0) throw refused(index, hearing.faults);
}

function refused(index: number, faults: readonly Fault[]): TdlnError {
  const [first] = faults;
  return new TdlnError(
    'FACT_REFUSED',
    `fact ${index} breaks the rules: ${first?.detail.message ?? 'unknown'}`,
  );
}
