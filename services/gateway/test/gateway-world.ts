import { randomUUID } from 'node:crypto';
import { blake3Hash, isSpanId, requestText, signObjectSync, utf8 } from '@logline/canon-sign';
import { parseSubmitEnvelope, STREAMS, CONSUMERS, type Ack, type SubmitRequest } from '@logline/contracts';
import { answer, pullMessages, type PositionedAck } from '@logline/jetstream';
import {
  eventually,
  startWorld,
  tenantCreatedSpan,
  testKey,
  testToken,
  type TestKey,
  type World,
} from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';
import { LogMaker } from './log-maker.ts';
import { build, migrate, start, type Env, type ServiceProcess } from './service-process.ts';

/** The authority that signed requests name, whatever port the gateway got. */
export const AUTHORITY = 'gateway.test';
export const OPERATOR_TOKEN = 'lltok_operator_operatoroperatoroperator';
export const TOKEN = testToken().text;

/** The compiled gateway on real engines, with the compiled projector behind it. The test is the other half of the system. */
export type GatewayWorld = {
  readonly world: World;
  readonly gateway: ServiceProcess;
  /** As `test`, who may do everything. */
  readonly nc: NatsConnection;
  /** The log of the tenant `acme`, with its first fact. */
  readonly log: LogMaker;
  readonly env: Env;
  /** Restarts the gateway. */
  restart(more?: Env): Promise<ServiceProcess>;
  /** Until the views hold everything that the log does. */
  untilProjected(log?: LogMaker): Promise<void>;
  call(target: string, options?: CallOptions): Promise<Reply>;
  close(): Promise<void>;
};

export type Reply = {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  /** Whatever the test expects; it says so by what it compares with. */
  // oxlint-disable-next-line typescript/no-explicit-any
  json(): any;
};
export type CallOptions = {
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly tenant?: string | null;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Signs the request by this key. */
  readonly signedBy?: TestKey;
  readonly contentType?: string | null;
};

export async function startGatewayWorld(more: Env = {}): Promise<GatewayWorld> {
  await build('gateway', 'projector');
  const world = await startWorld({ name: 'gateway' });
  const env = {
    ...world.env('LOGLINE_GATEWAY', 'gateway', {
      role: 'gateway',
      more: {
        AUTHORITIES: AUTHORITY,
        OPERATOR_TOKEN_HASH: blake3Hash(utf8(OPERATOR_TOKEN)),
        OPERATOR_KEYS: `operator:${testKey('operator').pub}`,
        ...more,
      },
    }),
    LOGLINE_GATEWAY_LOG_LEVEL: 'info',
  };
  const projectorEnv = {
    ...world.env('LOGLINE_PROJECTOR', 'projector', { role: 'views' }),
    LOGLINE_PROJECTOR_LOG_LEVEL: 'info',
  };
  await migrate('projector', projectorEnv);
  await migrate('gateway', env);
  const [projector, gateway] = await Promise.all([start('projector', projectorEnv), start('gateway', env)]);
  const nc = await world.connect('test');
  const log = new LogMaker(nc, 'acme');
  await log.append(tenantCreatedSpan());
  const views = world.pool('views');
  const made = { world, nc, log, env, gateway };
  const self: GatewayWorld = {
    ...made,
    get gateway() {
      return made.gateway;
    },
    restart: async (other = {}) => {
      await made.gateway.stop();
      made.gateway = await start('gateway', { ...env, ...other });
      return made.gateway;
    },
    untilProjected: (which = log) =>
      eventually(
        async () => {
          const { rows } = await views.query('select size from log where origin = $1', [which.origin]);
          if (rows[0]?.size !== which.size) throw new Error(`at ${rows[0]?.size}, not ${which.size}`);
        },
        { withinMs: 60_000 },
      ),
    call: (target, options) => call(made.gateway.url, target, options),
    close: async () => {
      await Promise.all([made.gateway.stop(), projector.stop()]);
      await world.close();
    },
  };
  await self.untilProjected();
  return self;
}

/** The headers of a request as `options` ask for them. */
export function headersOf(target: string, options: CallOptions): Record<string, string> {
  const { method = options.body === undefined ? 'GET' : 'POST', signedBy } = options;
  const { tenant = 'acme', token = TOKEN, contentType = 'application/json' } = options;
  const body = typeof options.body === 'string' ? utf8(options.body) : (options.body ?? new Uint8Array());
  const headers: Record<string, string> = {
    ...(tenant === null ? {} : { 'x-tenant-id': tenant }),
    ...(token === null ? {} : { authorization: `ApiKey ${token}` }),
    ...(options.body === undefined || contentType === null ? {} : { 'content-type': contentType }),
  };
  if (signedBy !== undefined) {
    const payloadHash = blake3Hash(body).slice('blake3:'.length);
    const parts = {
      method,
      authority: AUTHORITY,
      target,
      tenant: tenant ?? '',
      alg: 'ed25519-blake3' as const,
      keyId: signedBy.kid,
      timestamp: options.headers?.['x-timestamp'] ?? new Date().toISOString(),
      nonce: options.headers?.['x-nonce'] ?? randomUUID(),
      idempotencyKey: options.headers?.['idempotency-key'] ?? randomUUID(),
      ...(headers['content-type'] === undefined ? {} : { contentType: headers['content-type'] }),
      payloadHash,
    };
    Object.assign(headers, {
      host: AUTHORITY,
      'x-timestamp': parts.timestamp,
      'x-nonce': parts.nonce,
      'idempotency-key': parts.idempotencyKey,
      'x-payload-hash': `blake3-256=${payloadHash}`,
      'x-signature-alg': parts.alg,
      'x-signature-keyid': parts.keyId,
      'x-signature': signObjectSync('request', requestText(parts), signedBy.signer),
    });
  }
  return { ...headers, ...options.headers };
}

async function call(base: string, target: string, options: CallOptions = {}): Promise<Reply> {
  const { method = options.body === undefined ? 'GET' : 'POST' } = options;
  const { request } = await import('node:http');
  const url = new URL(base);
  return new Promise((resolve, reject) => {
    // node:http, because fetch neither lets a test name its Host nor send what is no URL
    const sent = request(
      { host: url.hostname, port: url.port, method, path: target, headers: headersOf(target, options) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          const headers = new Headers();
          for (let i = 0; i < response.rawHeaders.length; i += 2)
            headers.append(response.rawHeaders[i] ?? '', response.rawHeaders[i + 1] ?? '');
          resolve({
            status: response.statusCode ?? 0,
            headers,
            bytes,
            text,
            json: () => JSON.parse(text),
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

export type Told = { readonly request: SubmitRequest; readonly bodies: readonly Uint8Array[] };

/** Takes what the gateway submits, as gate and ledger would, and answers on the inbox what `judge` says; nothing where it says nothing. */
export async function otherHalf(
  nc: NatsConnection,
  judge: (told: Told) => readonly PositionedAck[] | Promise<readonly PositionedAck[]>,
): Promise<{ readonly told: Told[]; stop(): Promise<void> }> {
  const told: Told[] = [];
  const { close } = pullMessages({
    nc,
    stream: STREAMS.submit,
    consumer: CONSUMERS.gateSubmit,
    how: { mode: 'concurrent', limit: 64 },
    rejected: 'terminate',
    handle: async (messages) => {
      for (const { bytes } of messages) {
        const { header, bodies } = parseSubmitEnvelope(bytes);
        let at = 0;
        for (const request of header.requests) {
          const one = { request, bodies: bodies.slice(at, (at += request.spans.length)) };
          told.push(one);
          const acks = await judge(one);
          if (acks.length > 0) await answer(nc, request.reply, request.trace, acks);
        }
      }
    },
    log: { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error },
  });
  return { told, stop: close };
}

/** Accepts everything, with a receipt of the right form that proves nothing. */
export function acceptAll({ request, bodies }: Told): readonly PositionedAck[] {
  return request.spans.map(({ position }, i) => ({ position, ack: okAck(request, bodies[i]) }));
}

const NO_SPAN = 'urn:span:019a0000-0000-7000-8000-000000000000';

export function okAck(
  { trace, tenant }: Pick<SubmitRequest, 'trace' | 'tenant'>,
  body: Uint8Array = new Uint8Array(),
): Ack {
  const span: unknown = JSON.parse(new TextDecoder().decode(body));
  const id = typeof span === 'object' && span !== null && 'this' in span ? String(span.this) : '';
  return {
    status: 'ok',
    this: isSpanId(id) ? id : NO_SPAN,
    trace_id: trace,
    receipt: {
      ts: '2026-01-01T00:00:00.000Z',
      hash: blake3Hash(body),
      signature: `${'A'.repeat(86)}==`,
      merkle: 'not a proof',
      this: isSpanId(id) ? id : NO_SPAN,
      log: `logline.test/${tenant}`,
      index: 1,
    },
  };
}

export function refusal(
  code: '403_FORBIDDEN' | '428_PROOF_REQUIRED' | '422_SCHEMA_INVALID',
  trace: string,
): Ack {
  const status = Number(code.slice(0, 3));
  return {
    status: 'invalid',
    trace_id: trace,
    code,
    http_status: status,
    details: [{ code, pointer: '', message: 'no', fix: 'ask' }],
    errors: ['no'],
    suggested_reply: 'ask',
  };
}

export const root = testKey('root');
