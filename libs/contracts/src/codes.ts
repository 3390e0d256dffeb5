/**
 * The canonical codes of protocol §8, each with its HTTP status, one fixed title, and what usually mends it.
 * `logline explain <code>` and the gateway's problem documents both read this table.
 */
export const CANONICAL_CODES = {
  '400_BAD_REQUEST': {
    status: 400,
    title: 'The request itself is malformed',
    fix: 'correct the field named by the pointer and send it again',
  },
  '401_UNAUTHORIZED': {
    status: 401,
    title: 'The caller is not known',
    fix: 'send a valid API token, a fresh timestamp and a signature by a registered key (logline login, logline doctor)',
  },
  '403_FORBIDDEN': {
    status: 403,
    title: 'The caller may not do this',
    fix: 'use a key and a token whose scopes cover the intent, and a target that the manifest names',
  },
  '404_NOT_FOUND': {
    status: 404,
    title: 'Unknown, or not yours',
    fix: 'check the name; what belongs to another tenant looks the same as what does not exist',
  },
  '405_METHOD_NOT_ALLOWED': {
    status: 405,
    title: 'The path does not take this method',
    fix: 'use one of the methods in the Allow header',
  },
  '409_IDEMPOTENCY_CONFLICT': {
    status: 409,
    title: 'The idempotency key was used for something else, or is in flight',
    fix: 'use a new Idempotency-Key for a new payload; retry an identical request later',
  },
  '409_NONCE_REUSED': {
    status: 409,
    title: 'The nonce was spent by another request',
    fix: 'sign again with a new X-Nonce',
  },
  '409_PREV_CONFLICT': {
    status: 409,
    title: 'The subject moved on',
    fix: 'read head from GET /v1/state/view, set prev to it, sign and send again',
  },
  '409_SPAN_EXISTS': {
    status: 409,
    title: 'Another span has this id',
    fix: 'give the span a new id in this, sign and send again',
  },
  '410_CURSOR_EXPIRED': {
    status: 410,
    title: 'The cursor points before what is kept',
    fix: 'start again from POST /v1/spans/query',
  },
  '413_TOO_LARGE': {
    status: 413,
    title: 'Too large',
    fix: 'a span has at most 65,535 canonical bytes, a request 1,000 spans',
  },
  '415_MEDIA_TYPE': {
    status: 415,
    title: 'Media type not taken',
    fix: 'send application/json or application/x-ndjson',
  },
  '422_SCHEMA_INVALID': {
    status: 422,
    title: 'Malformed, or something is missing',
    fix: 'follow the details: each has a pointer and a fix',
  },
  '422_SIGNATURE_INVALID': {
    status: 422,
    title: 'A signature does not verify',
    fix: 'sign the canonical bytes with the key that kid names',
  },
  '428_PROOF_REQUIRED': {
    status: 428,
    title: 'A proof is required',
    fix: 'logline wallet prove deploy.allow, then send the deploy again',
  },
  '429_RATE_LIMITED': { status: 429, title: 'Too many requests', fix: 'wait as long as Retry-After says' },
  '500_INTERNAL': { status: 500, title: 'Our fault', fix: 'report the trace_id' },
  '503_UNAVAILABLE': {
    status: 503,
    title: 'Not now; the outcome may be unknown',
    fix: 'send the same request again with the same Idempotency-Key after Retry-After',
  },
} as const satisfies Record<string, { status: number; title: string; fix: string }>;

export type CanonicalCode = keyof typeof CANONICAL_CODES;

export function isCanonicalCode(code: string): code is CanonicalCode {
  return Object.hasOwn(CANONICAL_CODES, code);
}
