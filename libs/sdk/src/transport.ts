import { blake3Hash, requestText, signObject, SIGNATURE_ALG } from '@logline/canon-sign';
import { checkerOf, Problem } from '@logline/contracts';
import type { LogLineConfig } from './config.ts';
import { ConnectionError, LogLineError, toStatusError } from './errors.ts';

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_RETRIES = 3;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 8000;
/** A clock is set by the server's at most once a call. */
const SKEW_RETRIES = 1;
const problemChecker = checkerOf(Problem);

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  /** Path and query, exactly as they go on the wire. */
  readonly target: string;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** Of the logical call: stays the same over retries. Default: a new UUID for everything but GET. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array };

/**
 * HTTP to a gateway: signs what changes something (protocol §7), retries what may be retried with a new nonce and the same
 * idempotency key, obeys `Retry-After`, and mends its clock once by the server's.
 */
export class Transport {
  private readonly config: LogLineConfig;
  private readonly authority: string;
  private readonly base: URL;
  private skewMs = 0;

  constructor(config: LogLineConfig) {
    this.config = config;
    this.base = new URL(config.baseUrl);
    this.authority = this.base.host;
  }

  /** The server's clock as far as it is known, milliseconds UTC. */
  now(): number {
    return Date.now() + this.skewMs;
  }

  /** An answer below 400, or with one of the statuses in `accept`. @throws LogLineError by status, or `ConnectionError` */
  async call(call: Call, accept: (status: number) => boolean = () => false): Promise<Answer> {
    const idempotencyKey = call.idempotencyKey ?? crypto.randomUUID();
    const retries = this.config.retries ?? DEFAULT_RETRIES;
    let mended = 0;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.attempt({ ...call, idempotencyKey });
      if (!(outcome instanceof LogLineError)) {
        const { status } = outcome;
        const isFinal = status < 400 || (accept(status) && status < 500 && status !== 429);
        if (isFinal) return outcome;
        const error = toError(outcome);
        if (mended < SKEW_RETRIES && this.mendClock(error)) {
          mended += 1;
          continue;
        }
        if (!isRetryable(status) || attempt >= retries) {
          if (accept(status)) return outcome;
          throw error;
        }
        await pause(backoffMs(attempt, error.retryAfterS), call.signal);
      } else {
        if (outcome.code === 'ABORTED' || attempt >= retries) throw outcome;
        await pause(backoffMs(attempt, undefined), call.signal);
      }
    }
  }

  /** One request, answered as a stream. @throws LogLineError */
  async open(call: Call): Promise<Response> {
    const response = await this.fetch(call, call.signal);
    if (response.ok) return response;
    throw toError({
      status: response.status,
      headers: response.headers,
      body: new Uint8Array(await response.arrayBuffer()),
    });
  }

  private async attempt(call: Call): Promise<Answer | LogLineError> {
    const timeout = AbortSignal.timeout(this.config.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]);
    try {
      const response = await this.fetch(call, signal);
      const body = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, body };
    } catch (cause) {
      if (cause instanceof LogLineError) throw cause;
      if (call.signal?.aborted === true) return new ConnectionError('aborted', { code: 'ABORTED', cause });
      if (timeout.aborted) {
        return new ConnectionError(`${this.authority} did not answer in time`, { code: 'TIMEOUT', cause });
      }
      return new ConnectionError(`${this.authority} cannot be reached: ${reasonOf(cause)}`, {
        code: 'NETWORK',
        cause,
      });
    }
  }

  private async fetch(call: Call, signal: AbortSignal | undefined): Promise<Response> {
    const { method, target, body, contentType } = call;
    const headers: Record<string, string> = {
      authorization: `ApiKey ${this.config.apiKey}`,
      'x-tenant-id': this.config.tenant,
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(this.config.language === undefined ? {} : { 'accept-language': this.config.language }),
      ...(this.config.userAgent === undefined ? {} : { 'user-agent': this.config.userAgent }),
      ...call.headers,
      ...(method === 'GET' ? {} : await this.signature(call)),
    };
    const send = this.config.fetchImpl ?? fetch;
    // a Uint8Array over a shared buffer is no BodyInit; ours never is
    const init = {
      method,
      headers,
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    };
    return send(`${this.base.origin}${target}`, { ...init, ...(signal === undefined ? {} : { signal }) });
  }

  /** The seven headers of a signed request; none without a signer, which the server then judges. */
  private async signature(call: Call): Promise<Record<string, string>> {
    const { method, target, body = new Uint8Array(), contentType, idempotencyKey } = call;
    const { signer, tenant } = this.config;
    const payloadHash = blake3Hash(body).slice('blake3:'.length);
    if (signer === undefined) {
      return {
        'x-payload-hash': `blake3-256=${payloadHash}`,
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      };
    }
    const parts = {
      method,
      authority: this.authority,
      target,
      tenant,
      alg: SIGNATURE_ALG,
      keyId: signer.kid,
      timestamp: new Date(this.now()).toISOString(),
      nonce: crypto.randomUUID(),
      idempotencyKey: idempotencyKey ?? crypto.randomUUID(),
      ...(contentType === undefined ? {} : { contentType }),
      payloadHash,
    };
    return {
      'x-timestamp': parts.timestamp,
      'x-nonce': parts.nonce,
      'idempotency-key': parts.idempotencyKey,
      'x-payload-hash': `blake3-256=${payloadHash}`,
      'x-signature-alg': parts.alg,
      'x-signature-keyid': parts.keyId,
      'x-signature': await signObject('request', requestText(parts), signer),
    };
  }

  private mendClock(error: LogLineError): boolean {
    const serverTime = error.problem?.server_time;
    if (serverTime === undefined) return false;
    const skewMs = Date.parse(serverTime) - Date.now();
    if (Number.isNaN(skewMs) || Math.abs(skewMs - this.skewMs) < 60_000) return false;
    this.skewMs = skewMs;
    return true;
  }
}

/** The problem document of an answer as an error; an answer that is none becomes one by its status alone. */
export function toError({ status, headers, body }: Answer): LogLineError {
  const problem = parseProblem(body);
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  return toStatusError(status, problem?.detail ?? `HTTP ${status}`, {
    code: problem?.code ?? 'PROTOCOL',
    status,
    ...(problem === null ? {} : { problem, traceId: problem.trace_id }),
    ...(Number.isFinite(retryAfter) ? { retryAfterS: retryAfter } : {}),
  });
}

function parseProblem(body: Uint8Array): Problem | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return problemChecker.check(value) ? value : null;
  } catch {
    return null;
  }
}

function isRetryable(status: number): boolean {
  return status === 429 || status === 408 || status >= 500;
}

function backoffMs(attempt: number, retryAfterS: number | undefined): number {
  const exponential = Math.min(FIRST_BACKOFF_MS * 2 ** attempt, LONGEST_BACKOFF_MS);
  // jitter, so that clients that failed together do not come back together
  return Math.max(exponential * (0.75 + Math.random() / 2), (retryAfterS ?? 0) * 1000);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(done, ms);
    const abort = (): void => {
      clearTimeout(timer);
      reject(new ConnectionError('aborted', { code: 'ABORTED' }));
    };
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    function done(): void {
      signal?.removeEventListener('abort', abort);
      resolve();
    }
  });
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}
