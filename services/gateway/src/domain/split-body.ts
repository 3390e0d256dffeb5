import { canonicalBytes, CanonError, elementBytes, MAX_DEPTH, parseMarked } from '@logline/canon-sign';
import { MAX_REQUEST_SPANS } from '@logline/contracts';
import { GatewayError } from '../errors.ts';

const LINE_FEED = 0x0a;

export type BodyForm = 'json' | 'ndjson';

/**
 * The spans of a request body, each as canonical bytes, in order. Nothing is judged here but that it is JSON that has canonical
 * bytes at all; whether it is a span is for the gate to say.
 *
 * @param body - decoded; one span, an array, or NDJSON (LF, no blank lines)
 * @throws GatewayError `400_BAD_REQUEST` with the pointer of the fault; `413_TOO_LARGE` for more than 1,000 spans
 * @see protocol §2, §8
 */
export function splitBody(body: Uint8Array, form: BodyForm): readonly Uint8Array[] {
  const spans = form === 'ndjson' ? splitLines(body) : splitDocument(body);
  if (spans.length === 0) throw new GatewayError('400_BAD_REQUEST', 'no span in the body: send at least one');
  if (spans.length > MAX_REQUEST_SPANS) {
    throw new GatewayError(
      '413_TOO_LARGE',
      `${spans.length} spans in one request: send at most ${MAX_REQUEST_SPANS}`,
    );
  }
  return spans.map(({ at, read }) => attempt(at, read));
}

/** A span that is JSON; what is canonical already goes on as it came. */
type Part = { readonly at: string; readonly read: () => Uint8Array };

function splitDocument(body: Uint8Array): readonly Part[] {
  // an array of spans is one level deeper than its spans
  const maxDepth = beginsArray(body) ? MAX_DEPTH + 1 : MAX_DEPTH;
  const { value, isCanonical } = attempt('', () => parseMarked(body, { maxDepth }));
  const slices = isCanonical ? elementBytes(body) : undefined;
  if (isArray(value)) return value.map((one, i) => partOf(one, `/${i}`, slices?.[i]));
  return [partOf(value, '', isCanonical ? body : undefined)];
}

function splitLines(body: Uint8Array): readonly Part[] {
  const parts: Part[] = [];
  for (let start = 0; start < body.length;) {
    const feed = body.indexOf(LINE_FEED, start);
    const line = body.subarray(start, feed < 0 ? body.length : feed);
    if (parts.length > MAX_REQUEST_SPANS) break;
    const at = `/${parts.length}`;
    const { value, isCanonical } = attempt(at, () => parseMarked(line));
    parts.push(partOf(value, at, isCanonical ? line : undefined));
    start += line.length + 1;
  }
  return parts;
}

function partOf(value: unknown, at: string, bytes: Uint8Array | undefined): Part {
  return { at, read: () => bytes ?? canonicalBytes(value) };
}

function beginsArray(body: Uint8Array): boolean {
  return body[body.findIndex((byte) => !SPACE.has(byte))] === OPEN_ARRAY;
}
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, LINE_FEED, 0x0d]);
const OPEN_ARRAY = 0x5b;

function attempt<T>(prefix: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    const { message } = cause;
    const details = [{ pointer: `${prefix}${cause.pointer ?? ''}`, message }];
    throw new GatewayError('400_BAD_REQUEST', `the body is not JSON of the canonical profile: ${message}`, {
      cause,
      details,
    });
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
