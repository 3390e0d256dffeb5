import { canonicalBytes, CanonError, MAX_DEPTH, parseStrict, type JsonValue } from '@logline/canon-sign';
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
  const document = form === 'ndjson' ? parseLines(body) : parseDocument(body);
  const isArrayed = isArray(document);
  const values = isArrayed ? document : [document];
  if (values.length === 0)
    throw new GatewayError('400_BAD_REQUEST', 'no span in the body: send at least one');
  if (values.length > MAX_REQUEST_SPANS) {
    throw new GatewayError(
      '413_TOO_LARGE',
      `${values.length} spans in one request: send at most ${MAX_REQUEST_SPANS}`,
    );
  }
  return values.map((value, i) => attempt(isArrayed ? `/${i}` : '', () => canonicalBytes(value)));
}

function parseDocument(body: Uint8Array): JsonValue {
  // an array of spans is one level deeper than its spans, whose own depth canonicalBytes looks at
  return attempt('', () => parseStrict(body, { maxDepth: MAX_DEPTH + 1 }));
}

function parseLines(body: Uint8Array): readonly JsonValue[] {
  const values: JsonValue[] = [];
  for (let start = 0; start < body.length;) {
    const feed = body.indexOf(LINE_FEED, start);
    const end = feed < 0 ? body.length : feed;
    if (values.length > MAX_REQUEST_SPANS) break;
    values.push(attempt(`/${values.length}`, () => parseStrict(body.subarray(start, end))));
    start = end + 1;
  }
  return values;
}

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

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
