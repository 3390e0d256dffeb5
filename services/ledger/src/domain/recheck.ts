import type { SubmitRequest } from '@logline/contracts';
import type { BatchRequest } from './batch.ts';
import type { Outcome } from './sequence.ts';

/**
 * What goes back to the gate of one request, with the bodies of its stale spans; undefined when nothing does.
 * Trace, reply, caller and positions are those of the first submission, so the client hears one answer per span.
 */
export function toRecheck(
  request: BatchRequest,
  outcomes: readonly Outcome[],
): { request: SubmitRequest; bodies: readonly Uint8Array[] } | undefined {
  const stale = request.spans.flatMap((span, at) => {
    const outcome = outcomes[at];
    return outcome?.kind === 'stale' ? [{ span, outcome }] : [];
  });
  const [first] = stale;
  if (first === undefined) return undefined;
  const { trace, reply, tenant, language, caller, submitted_ms, deadline_ms } = request;
  return {
    request: {
      trace,
      reply,
      tenant,
      language,
      caller,
      wait_ms: Math.max(0, deadline_ms - submitted_ms),
      recheck: {
        submitted_ms,
        min_index: Math.max(...stale.map(({ outcome }) => outcome.minIndex)),
        attempt: first.outcome.attempt,
      },
      spans: stale.map(({ span }) => ({ position: span.position, length: span.entry.bytes.length })),
    },
    bodies: stale.map(({ span }) => span.entry.bytes),
  };
}
