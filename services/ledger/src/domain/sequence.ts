import type { Batch, BatchRequest, BatchSpan } from './batch.ts';
import { type Changes, Draft } from './draft.ts';
import { idempotencyOf, type Known, nonceOf } from './known.ts';
import {
  isHeld,
  keyAt,
  LOG_ROTATED,
  type LogName,
  type RotationFault,
  rotationFault,
  TENANT_CREATED,
} from './log-keys.ts';

/** How often the gate is asked again about a request that makes no progress, before it is called unavailable. */
export const MAX_ATTEMPTS = 16;

/** What becomes of one span. Indexes are of the request's tenant's log. */
export type Outcome =
  | { readonly kind: 'appended'; readonly index: number }
  /** It is a fact already; the old receipt is its receipt. */
  | { readonly kind: 'replayed'; readonly index: number }
  /** Something else was committed under the same id or idempotency key; `index` is that one. */
  | { readonly kind: 'span_exists' | 'payload_mismatch'; readonly index: number }
  | { readonly kind: 'nonce_reused' }
  /** `prev` is not the subject's head. */
  | { readonly kind: 'moved'; readonly head: string | undefined }
  /** Its verdict rests on what has been overwritten: back to the gate, which must first know the log up to `minIndex`. */
  | { readonly kind: 'stale'; readonly minIndex: number; readonly attempt: number }
  /** Stale too often. */
  | { readonly kind: 'starved' }
  /** The gate's no stands. */
  | { readonly kind: 'refused' }
  /** Nobody waits any more. */
  | { readonly kind: 'late' }
  | { readonly kind: 'no_such_log' }
  /** A birth or a rotation that names another log than this ledger keeps, or a key it does not hold. */
  | { readonly kind: 'misnamed'; readonly expected: LogName }
  /** A rotation that comes at the wrong time, or after the wrong key. */
  | { readonly kind: 'untimely'; readonly why: RotationFault }
  /** The key that would have to sign it was taken from this ledger. */
  | { readonly kind: 'keyless'; readonly key: string };

export type Sequenced = {
  /** In the order of `batch.requests` and their spans. */
  readonly outcomes: readonly (readonly Outcome[])[];
  readonly changes: Changes;
};

/**
 * Decides a batch, span by span in order: as if each were committed before the next is looked at (architecture, write path 4).
 * @param nameOf - what a log of this ledger is called and signed by; asked for every span, so it remembers
 */
export function sequence(batch: Batch, known: Known, nameOf: (tenant: string) => LogName): Sequenced {
  const draft = new Draft(known, batch.nowMs);
  const outcomes = batch.requests.map((request) => sequenceRequest(request, draft, nameOf));
  return { outcomes, changes: draft.changes() };
}

function sequenceRequest(
  request: BatchRequest,
  draft: Draft,
  nameOf: (tenant: string) => LogName,
): Outcome[] {
  // Behind a stale span its later siblings are judged again too: a request's spans keep their order.
  let staleUpTo: number | undefined;
  const outcomes = request.spans.map((span): Outcome => {
    const outcome = decide(span, request, draft, nameOf, staleUpTo);
    if (outcome.kind === 'stale') staleUpTo = outcome.minIndex;
    if (outcome.kind === 'appended') draft.append(span, request);
    return outcome;
  });
  return staleUpTo === undefined ? outcomes : withAttempts(outcomes, request.attempt);
}

function decide(
  span: BatchSpan,
  request: BatchRequest,
  draft: Draft,
  nameOf: (tenant: string) => LogName,
  staleUpTo: number | undefined,
): Outcome {
  const { tenant, caller } = request;
  const { entry, verdict } = span;

  const key = idempotencyOf(caller);
  const keyUse = key && draft.keyUse(tenant, key);
  if (keyUse !== undefined && keyUse.hash !== key?.hash)
    return { kind: 'payload_mismatch', index: keyUse.index };
  const placed = draft.placed(tenant, entry.this);
  if (placed !== undefined) {
    return { kind: placed.hash === entry.hash ? 'replayed' : 'span_exists', index: placed.index };
  }
  if (draft.nowMs >= request.deadline_ms) return { kind: 'late' };
  const nonce = nonceOf(caller);
  const nonceUse = nonce && draft.nonceUse(tenant, nonce);
  if (nonceUse !== undefined && nonceUse.hash !== nonce?.hash) return { kind: 'nonce_reused' };

  const minIndex = staleUpTo ?? stalenessOf(span, tenant, draft);
  if (minIndex !== undefined) return { kind: 'stale', minIndex, attempt: request.attempt };
  if (span.no !== undefined) return { kind: 'refused' };

  const log = draft.log(tenant);
  const name = nameOf(tenant);
  if (log === undefined) {
    if (entry.intent !== TENANT_CREATED) return { kind: 'no_such_log' };
    if (isMisnamed(entry, name)) return { kind: 'misnamed', expected: name };
  } else if (entry.intent === TENANT_CREATED) {
    return { kind: 'span_exists', index: 0 }; // a tenant is born once, whatever the gate believed
  } else {
    const timeMs = draft.timeOf(tenant);
    const key = keyAt(log.keys, timeMs);
    if (!isHeld(name, key)) return { kind: 'keyless', key };
    if (entry.intent === LOG_ROTATED) {
      if (isMisnamed(entry, name)) return { kind: 'misnamed', expected: name };
      const why = rotationFault(entry, log.keys, timeMs, span.writes);
      if (why !== undefined) return { kind: 'untimely', why };
    }
  }
  if (entry.prev !== undefined && entry.prev !== draft.head(tenant, entry.subject)) {
    return { kind: 'moved', head: draft.head(tenant, entry.subject) };
  }
  // a verdict's id follows from its cause, so a client can guess it and occupy it
  const occupied = verdict && draft.placed(tenant, verdict.this);
  if (occupied !== undefined) return { kind: 'span_exists', index: occupied.index };
  return { kind: 'appended', index: log?.size ?? 0 };
}

/** No log is promised a key that would not sign it: only what this ledger holds can be named. */
function isMisnamed({ payload: { origin, log_key } }: BatchSpan['entry'], name: LogName): boolean {
  return origin !== name.origin || typeof log_key !== 'string' || !isHeld(name, log_key);
}

/** The log index from which the gate can judge afresh; undefined while what the verdict read still holds. */
function stalenessOf(span: BatchSpan, tenant: string, draft: Draft): number | undefined {
  let newest: number | undefined;
  for (const [key, readAt] of Object.entries(span.reads)) {
    const writtenAt = draft.lastWrite(tenant, key);
    if (writtenAt > readAt) newest = Math.max(newest ?? 0, writtenAt);
  }
  // an expired verdict needs no newer fact, only a newer clock
  const isExpired = span.valid_until_ms !== undefined && draft.timeOf(tenant) > span.valid_until_ms;
  return newest ?? (isExpired ? 0 : undefined);
}

/** A request of which some span was settled now has made progress, and is patient again; else it is one attempt older. */
function withAttempts(outcomes: readonly Outcome[], attempt: number): Outcome[] {
  const next = outcomes.some(({ kind }) => kind !== 'stale') ? 1 : attempt + 1;
  return outcomes.map((outcome): Outcome => {
    if (outcome.kind !== 'stale') return outcome;
    return next >= MAX_ATTEMPTS ? { kind: 'starved' } : { ...outcome, attempt: next };
  });
}
