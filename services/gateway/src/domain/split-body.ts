import { canonicalBytes, CanonError, parseStrict, type JsonValue } from '@logline/canon-sign';
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
  const values = form === 'ndjson' ? parseLines(body) : parseDocument(body);
  if (values.length === 0)
    throw new GatewayError('400_BAD_REQUEST', 'no span in the body: send at least one');
  if (values.length > MAX_REQUEST_SPANS) {
    throw new GatewayError(
      '413_TOO_LARGE',
      `${values.length} spans in one request: send at most ${MAX_REQUEST_SPANS}`,
    );
  }
  return values.map((value) => canonicalBytes(value));
}

function parseDocument(body: Uint8Array): readonly JsonValue[] {
  const value = parse(body, '');
  return isArray(value) ? value : [value];
}

function parseLines(body: Uint8Array): readonly JsonValue[] {
  const values: JsonValue[] = [];
  for (let start = 0; start < body.length;) {
    const feed = body.indexOf(LINE_FEED, start);
    const end = feed < 0 ? body.length : feed;
    if (values.length > MAX_REQUEST_SPANS) break;
    values.push(parse(body.subarray(start, end), `/${values.length}`));
    start = end + 1;
  }
  return values;
}

function parse(bytes: Uint8Array, prefix: string): JsonValue {
  try {
    return parseStrict(bytes);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    const pointer = `${prefix}${cause.pointer ?? ''}`;
    throw new GatewayError(
      '400_BAD_REQUEST',
      `the body is not JSON of the canonical profile: ${cause.message}`,
      {
        cause,
        details: [{ pointer, message: cause.message }],
      },
    );
  }
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
