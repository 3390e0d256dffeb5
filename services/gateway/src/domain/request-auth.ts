import { blake3Hash, CanonError, parseHex, requestText, utf8, verifyObject } from '@logline/canon-sign';
import { GatewayError } from '../errors.ts';

/** How far a request's `X-Timestamp` may be from the gateway's clock, either way (protocol §7). */
export const CLOCK_TOLERANCE_MS = 120_000;
/** Any offset is fine here: the signature covers the text as it is. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Header bytes verbatim; what is absent is undefined. */
export type SignedHeaders = {
  readonly tenant: string | undefined;
  readonly timestamp: string | undefined;
  readonly nonce: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly payloadHash: string | undefined;
  readonly alg: string | undefined;
  readonly keyId: string | undefined;
  readonly signature: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
};

export type HttpRequest = {
  readonly method: string;
  /** As the client sent it in `Host`; must be one of the configured ones when the request is signed. */
  readonly authority: string;
  /** Raw, never decoded or normalised. */
  readonly target: string;
  readonly headers: SignedHeaders;
  /** Of the body as it came, content-encoded; of no bytes when there is none. `blake3:<hex>`, also the idempotency fingerprint. */
  readonly bodyHash: string;
};

export type AuthRules = {
  readonly authorities: ReadonlySet<string>;
  /** Whether all seven headers are due, or each only counts when it is there (protocol §7, "people with curl"). */
  readonly mustBeSigned: boolean;
  readonly nowMs: number;
};

/** What the signature stands for, to be spent with the commit. */
export type RequestSignature = {
  readonly keyId: string;
  readonly nonce: string;
  readonly requestHash: string;
  readonly idempotencyKey: string;
  readonly payloadHash: string;
};

/** @throws GatewayError `400_BAD_REQUEST` when the header is there and not the hash of the body */
export function checkPayloadHash({ headers, bodyHash }: HttpRequest): void {
  if (headers.payloadHash === undefined) return;
  if (headers.payloadHash !== `blake3-256=${bodyHash.slice('blake3:'.length)}`) {
    throw new GatewayError(
      '400_BAD_REQUEST',
      'X-Payload-Hash is not blake3-256=<hex of the body as it was sent>',
    );
  }
}

/**
 * The verified signature of a request; null when it carries none and need not.
 * Order: signature, then timestamp; idempotency and nonce are judged with the commit.
 *
 * @param keyOf - public key (64 hex) of an active key of this tenant, null when there is none
 * @throws GatewayError `401_UNAUTHORIZED`, `400_BAD_REQUEST`
 * @see protocol §7
 */
export async function verifySignature(
  request: HttpRequest,
  rules: AuthRules,
  keyOf: (keyId: string) => Promise<string | null>,
): Promise<RequestSignature | null> {
  const { headers } = request;
  if (!rules.mustBeSigned && headers.signature === undefined) {
    if (headers.timestamp !== undefined) checkTimestamp(headers.timestamp, rules.nowMs);
    return null;
  }
  const keyId = need(headers.keyId, 'X-Signature-KeyId');
  const nonce = need(headers.nonce, 'X-Nonce');
  const timestamp = need(headers.timestamp, 'X-Timestamp');
  const signature = need(headers.signature, 'X-Signature');
  const idempotencyKey = need(headers.idempotencyKey, 'Idempotency-Key');
  need(headers.payloadHash, 'X-Payload-Hash');
  if (need(headers.alg, 'X-Signature-Alg') !== 'ed25519-blake3') {
    throw new GatewayError('401_UNAUTHORIZED', 'X-Signature-Alg must be ed25519-blake3');
  }
  if (!UUID.test(nonce)) throw new GatewayError('400_BAD_REQUEST', 'X-Nonce must be a UUID');
  checkIdempotencyKey(idempotencyKey);
  if (!rules.authorities.has(request.authority)) {
    throw new GatewayError(
      '401_UNAUTHORIZED',
      `this gateway is not ${request.authority.slice(0, 100)}: sign its public authority`,
    );
  }
  const publicKey = await keyOf(keyId);
  const text = textOf(request);
  if (publicKey === null) {
    // the token is good, so that its holder may hear it: "does not verify" sends people looking for a fault of their signature
    throw new GatewayError('401_UNAUTHORIZED', `${keyId.slice(0, 64)} is no active key of this tenant`);
  }
  if (!isSigned(text, signature, publicKey)) {
    throw new GatewayError(
      '401_UNAUTHORIZED',
      `the request signature by key ${keyId.slice(0, 64)} does not verify`,
    );
  }
  checkTimestamp(timestamp, rules.nowMs);
  return {
    keyId,
    nonce,
    idempotencyKey,
    requestHash: blake3Hash(utf8(text)),
    payloadHash: request.bodyHash,
  };
}

/** @throws GatewayError `400_BAD_REQUEST` for an empty or overlong one, or one that is not the same bytes in every language */
export function checkIdempotencyKey(key: string): void {
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw new GatewayError(
      '400_BAD_REQUEST',
      'Idempotency-Key must have 1 to 255 printable ASCII characters',
    );
}

function textOf({ method, authority, target, headers, bodyHash }: HttpRequest): string {
  const { tenant, alg, keyId, timestamp, nonce, idempotencyKey, contentType, contentEncoding } = headers;
  const payloadHash = bodyHash.slice('blake3:'.length);
  const given = { tenant, alg, keyId, timestamp, nonce, idempotencyKey, contentType, contentEncoding };
  try {
    return requestText({ method, authority, target, ...given, payloadHash });
  } catch (cause) {
    throw new GatewayError('400_BAD_REQUEST', 'a header holds a line break', { cause });
  }
}

function isSigned(text: string, signature: string, publicKey: string): boolean {
  try {
    verifyObject('request', { text, signature }, parseHex(publicKey, 32));
    return true;
  } catch (error) {
    if (error instanceof CanonError) return false;
    throw error;
  }
}

function checkTimestamp(timestamp: string, nowMs: number): void {
  const ms = RFC_3339.test(timestamp) ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(ms)) throw new GatewayError('400_BAD_REQUEST', 'X-Timestamp must be RFC 3339');
  if (Math.abs(ms - nowMs) > CLOCK_TOLERANCE_MS) {
    throw new GatewayError(
      '401_UNAUTHORIZED',
      `X-Timestamp is ${Math.round((ms - nowMs) / 1000)} s off; at most 120 s are allowed: set the clock by server_time`,
    );
  }
}

function need(value: string | undefined, header: string): string {
  if (value === undefined || value === '') {
    throw new GatewayError(
      '401_UNAUTHORIZED',
      `the header ${header} is missing: a signed request carries all seven`,
    );
  }
  return value;
}
