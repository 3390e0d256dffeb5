import { utf8 } from '@logline/canon-sign';
import { MAX_ENVELOPE_BYTES, type AcceptRequest } from './envelope.ts';

export type RequestPart = { readonly request: AcceptRequest; readonly bodies: readonly Uint8Array[] };

/**
 * A judged request in parts that each fit one envelope: verdicts, reads and refusals make it larger than it came. In order,
 * and never a span apart from its verdict.
 */
export function splitRequest(request: AcceptRequest, bodies: readonly Uint8Array[]): readonly RequestPart[] {
  if (isSurelySmall(request, bodies)) return [{ request, bodies }];
  const parts: { spans: AcceptRequest['spans']; bodies: Uint8Array[] }[] = [];
  const { spans, ...head } = request;
  const headBytes = jsonBytes(head) + 64;
  let size = 0;
  let at = 0;
  for (const span of spans) {
    const own = bodies.slice(at, (at += span.verdict_length > 0 ? 2 : 1));
    const bytes = jsonBytes(span) + 1 + own.reduce((sum, body) => sum + body.length, 0);
    const current = parts.at(-1);
    if (current === undefined || size + bytes > MAX_ENVELOPE_BYTES) {
      parts.push({ spans: [span], bodies: [...own] });
      size = headBytes + bytes;
    } else {
      current.spans.push(span);
      current.bodies.push(...own);
      size += bytes;
    }
  }
  return parts.map((part) => ({ request: { ...request, spans: part.spans }, bodies: part.bodies }));
}

/** Nearly every request: not worth writing its header twice. */
function isSurelySmall({ spans }: AcceptRequest, bodies: readonly Uint8Array[]): boolean {
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
  const [only] = spans;
  return spans.length === 1 && only?.no === undefined && bytes < MAX_ENVELOPE_BYTES / 2;
}

function jsonBytes(value: object): number {
  return utf8(JSON.stringify(value)).length;
}
