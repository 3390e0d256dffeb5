import { randomUUID } from 'node:crypto';
import {
  blake3Hash,
  requestText,
  SIGNATURE_ALG,
  signCanonical,
  signObjectSync,
  spanIdFromRandom,
} from '@logline/canon-sign';
import { PATHS } from '@logline/contracts';
import type { BenchTenant } from './tenant.ts';

/** What goes on the wire, head and body, and the spans that are in it. */
export type PreparedRequest = { readonly bytes: Buffer; readonly spans: readonly Uint8Array[] };

/**
 * What a span says. `plain`: that a log is to stay private, the least that a client can have logged: one entry, one receipt, one fact. `apply`: a release is applied to
 * one container after the other, and again from the first when all have it; with each span commits the gate's signed verdict: two of everything.
 */
export type SpanKind = 'plain' | 'apply';
const CONTAINERS = 5_000;

export type Load = {
  readonly kind: SpanKind;
  readonly requests: number;
  readonly spansPerRequest: number;
};

/**
 * Requests with all seven headers of a signed request (protocol §7), each span signed. To be sent within two minutes, as signed requests must be.
 */
export function prepareRequests(
  tenant: BenchTenant,
  { kind, requests: count, spansPerRequest }: Load,
): PreparedRequest[] {
  let nth = 0;
  const requests: PreparedRequest[] = [];
  for (let i = 0; i < count; i += 1) {
    const spans = Array.from({ length: spansPerRequest }, () =>
      toSpan(tenant, contentOf(tenant, kind, nth++)),
    );
    requests.push({ bytes: toRequest(tenant, spans), spans });
  }
  return requests;
}

type Content = {
  readonly intent: string;
  readonly subject: string;
  readonly payload: Readonly<Record<string, unknown>>;
};

function contentOf({ name, manifest }: BenchTenant, kind: SpanKind, nth: number): Content {
  switch (kind) {
    case 'plain':
      return { intent: 'registry.log.publish', subject: `urn:tenant:${name}`, payload: { public: false } };
    case 'apply':
      return {
        intent: 'minicontainer.apply',
        subject: `urn:minicontainer:${name}/bench-${nth % CONTAINERS}`,
        payload: { manifest },
      };
  }
}

function toSpan({ signer }: BenchTenant, content: Content): Uint8Array {
  const nowMs = Date.now();
  const span = {
    schema_version: '1.1.0',
    entity_type: 'contract',
    this: spanIdFromRandom(nowMs, crypto.getRandomValues(new Uint8Array(10))),
    did: { actor: signer.kid, action: 'append' },
    ts: new Date(nowMs).toISOString(),
    ...content,
  };
  return signCanonical('span', span, signer).bytes;
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
