import { CanonError } from './errors.ts';

/** What an HTTP request's signature covers, in this order; header values verbatim, an absent header left out. */
export interface RequestParts {
  readonly method: string;
  /** Lower-case, without the default port. */
  readonly authority: string;
  /** The raw request target: path and query as sent, never decoded or normalised. */
  readonly target: string;
  readonly tenant?: string;
  readonly alg?: string;
  readonly keyId?: string;
  readonly timestamp?: string;
  readonly nonce?: string;
  readonly idempotencyKey?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** BLAKE3 of the content-encoded body, the empty one included: 64 hex. */
  readonly payloadHash: string;
}

/**
 * The string of a request that gets signed: twelve lines, no final newline, an absent header being an empty line.
 *
 * @throws CanonError `MALFORMED` when a part contains a line break, and so could pass for other parts
 * @see protocol §7
 */
export function requestText(parts: RequestParts): string {
  const lines = ORDER.map((part) => parts[part] ?? '');
  if (lines.some((line) => /[\r\n]/.test(line)))
    throw new CanonError('MALFORMED', 'a part of the request has a line break in it');
  return lines.join('\n');
}

const ORDER: readonly (keyof RequestParts)[] = [
  'method',
  'authority',
  'target',
  'tenant',
  'alg',
  'keyId',
  'timestamp',
  'nonce',
  'idempotencyKey',
  'contentType',
  'contentEncoding',
  'payloadHash',
];
