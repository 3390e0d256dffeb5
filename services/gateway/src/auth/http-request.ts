import type { FastifyRequest } from 'fastify';
import { blake3Hash } from '@logline/canon-sign';
import type { HttpRequest } from '../domain/request-auth.ts';

/** The body as it came, content-encoded; empty when there is none. */
export function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}

/** What a signature covers, off the raw request: nothing decoded, nothing normalised. */
export function toHttpRequest(request: FastifyRequest): HttpRequest {
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  return {
    method: request.method,
    authority: (header('host') ?? '').toLowerCase(),
    target: request.raw.url ?? '',
    headers: {
      tenant: header('x-tenant-id'),
      timestamp: header('x-timestamp'),
      nonce: header('x-nonce'),
      idempotencyKey: header('idempotency-key'),
      payloadHash: header('x-payload-hash'),
      alg: header('x-signature-alg'),
      keyId: header('x-signature-keyid'),
      signature: header('x-signature'),
      contentType: header('content-type'),
      contentEncoding: header('content-encoding'),
    },
    bodyHash: blake3Hash(bodyOf(request)),
  };
}
