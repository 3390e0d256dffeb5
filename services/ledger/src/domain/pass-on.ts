import type { AcceptRequest } from '@logline/contracts';
import type { BatchRequest } from './batch.ts';

/** The request with its bodies, as it came: for the leader of another partition. The other way round than `toRequests`. */
export function toAccepted({ spans, ...request }: BatchRequest): {
  readonly request: AcceptRequest;
  readonly bodies: readonly Uint8Array[];
} {
  return {
    request: {
      ...request,
      spans: spans.map(({ entry, verdict, ...span }) => ({
        ...span,
        length: entry.bytes.length,
        verdict_length: verdict?.bytes.length ?? 0,
      })),
    },
    bodies: spans.flatMap(({ entry, verdict }) =>
      verdict === undefined ? [entry.bytes] : [entry.bytes, verdict.bytes],
    ),
  };
}
