import type { FastifyRequest } from 'fastify';
import type { HttpRequest } from '../domain/request-auth.ts';

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
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
  };
}
