import type { TenantKnowledge } from '@logline/tdln';
import type { Log } from '../log.ts';
import { sayMissing } from '../missing-facts.ts';

/** What a request rests on: its tenant's log up to an index that somebody else has seen. */
export type Needed = { readonly tenant: string; readonly index: number; readonly deadlineMs: number };

/** A fact that has not come in this time is missing rather than on its way. */
const MISSING_AFTER_MS = 5_000;

/**
 * True when the log is known that far, or when waiting is of no use: then `whyUnknown` says why. Else whether one of the two came
 * about before the deadline. A fact that exists and does not come makes its tenant one that lacks facts.
 */
export function untilKnown(
  known: TenantKnowledge,
  { tenant, index, deadlineMs }: Needed,
  { nowMs, log }: { readonly nowMs: number; readonly log: Log },
): Promise<boolean> | true {
  if (known.of(tenant).index >= index || whyUnknown(known, tenant) !== null) return true;
  const leftMs = Math.max(0, deadlineMs - nowMs);
  const signal = AbortSignal.timeout(Math.min(leftMs, MISSING_AFTER_MS));
  return known.reached(tenant, index, signal).then((isReached) => {
    if (isReached || leftMs <= MISSING_AFTER_MS) return isReached;
    known.lack(tenant, index);
    log.error({ tenant, index }, whyUnknown(known, tenant) ?? 'facts are missing');
    return true;
  });
}

/** Why nothing may be judged for a tenant, for an answer; null when all is well. */
export function whyUnknown(known: TenantKnowledge, tenant: string): string | null {
  if (known.isBroken(tenant)) return 'the log of this tenant cannot be read';
  const lack = known.lackOf(tenant);
  return lack === null ? null : sayMissing(lack);
}
