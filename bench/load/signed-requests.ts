import { randomUUID } from 'node:crypto';
import {
  blake3Hash,
  canonicalBytes,
  requestText,
  SIGNATURE_ALG,
  signObjectSync,
  spanIdFromRandom,
} from '@logline/canon-sign';
import { PATHS } from '@logline/contracts';
import type { BenchTenant } from './tenant.ts';

/** What goes on the wire, head and body, and the spans that are in it. */
export type PreparedRequest = { readonly bytes: Buffer; readonly spans: readonly Uint8Array[] };

/** A release is applied to one container after the other, and again from the first when all have it. */
const CONTAINERS = 5_000;

/**
 * Requests that apply a release, each with all seven headers of a signed request (protocol §7), each span signed. With each span commits the gate's signed
 * verdict: two entries a span. To be sent within two minutes, as signed requests must be.
 */
export function prepareRequests(
  tenant: BenchTenant,
  count: number,
  spansPerRequest: number,
): PreparedRequest[] {
  let container = 0;
  const requests: PreparedRequest[] = [];
  for (let i = 0; i < count; i += 1) {
    const spans = Array.from({ length: spansPerRequest }, () => applySpan(tenant, container++ % CONTAINERS));
    requests.push({ bytes: toRequest(tenant, spans), spans });
  }
  return requests;
}

function applySpan({ name, signer, manifest }: BenchTenant, container: number): Uint8Array {
  const nowMs = Date.now();
  const span = {
    schema_version: '1.1.0',
    entity_type: 'contract',
    this: spanIdFromRandom(nowMs, crypto.getRandomValues(new Uint8Array(10))),
    did: { actor: signer.kid, action: 'append' },
    intent: 'minicontainer.apply',
    subject: `urn:minicontainer:${name}/bench-${container}`,
    payload: { manifest },
    ts: new Date(nowMs).toISOString(),
  };
  return canonicalBytes(signObjectSync('span', span, signer));
}

function toRequest({ baseUrl, name, apiKey, signer }: BenchTenant, spans: readonly Uint8Array[]): Buffer {
  const body =
    spans.length === 1 && spans[0] !== undefined
      ? Buffer.from(spans[0])
      : Buffer.from(`[${spans.map((bytes) => Buffer.from(bytes).toString()).join(',')}]`);
  const payloadHash = blake3Hash(body).slice('blake3:'.length);
  const parts = {
    method: 'POST',
    authority: baseUrl.host,
    target: PATHS.spans,
    tenant: name,
    alg: SIGNATURE_ALG,
    keyId: signer.kid,
    timestamp: new Date().toISOString(),
    nonce: randomUUID(),
    idempotencyKey: randomUUID(),
    contentType: 'application/json',
    payloadHash,
  };
  const head = [
    `POST ${PATHS.spans} HTTP/1.1`,
    `Host: ${baseUrl.host}`,
    `Authorization: ApiKey ${apiKey}`,
    `X-Tenant-Id: ${name}`,
    `X-Timestamp: ${parts.timestamp}`,
    `X-Nonce: ${parts.nonce}`,
    `Idempotency-Key: ${parts.idempotencyKey}`,
    `X-Payload-Hash: blake3-256=${payloadHash}`,
    `X-Signature-Alg: ${SIGNATURE_ALG}`,
    `X-Signature-KeyId: ${signer.kid}`,
    `X-Signature: ${signObjectSync('request', requestText(parts), signer)}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}
