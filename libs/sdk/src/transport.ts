import { blake3Hash, requestText, signObject, SIGNATURE_ALG } from '@logline/canon-sign';
import { checkerOf, Problem } from '@logline/contracts';
import type { LogLineConfig } from './config.ts';
import { ConnectionError, LogLineError, toStatusError } from './errors.ts';
import { pause } from './pause.ts';

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_RETRIES = 3;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 8000;
/** A server that asks for more patience than this gets the call back to its caller, who is told how long. */
const LONGEST_RETRY_AFTER_S = 60;
/** Less than this is no fault of the clock: requests may be two minutes off. */
const LEAST_SKEW_MS = 60_000;
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
  /** The body anew, where it has times in it that were taken from a clock which turned out to be wrong. */
  readonly remake?: () => Promise<Uint8Array>;
};

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array };

/**
 * HTTP to a gateway: signs what changes something (protocol §7), retries what may be retried with a new nonce and the same
 * idempotency key, obeys `Retry-After`, and mends its clock once a call by the server's.
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
  async call(given: Call, accept: (status: number) => boolean = () => false): Promise<Answer> {
    const retries = this.config.retries ?? DEFAULT_RETRIES;
    let call: Call = { ...given, idempotencyKey: given.idempotencyKey ?? crypto.randomUUID() };
    let isMended = false;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.attempt(call);
      if (outcome instanceof ConnectionError) {
        if (outcome.code === 'ABORTED' || attempt >= retries) throw outcome;
        await pauseOrThrow(backoffMs(attempt), call.signal);
        continue;
      }
      if (outcome.status < 400) return outcome;
      const error = toError(outcome);
      if (!isMended && this.mendClock(error)) {
        isMended = true;
        if (call.remake !== undefined) call = { ...call, body: await call.remake() };
        attempt -= 1;
        continue;
      }
      if (isWorthRetrying(outcome, error) && attempt < retries) {
        await pauseOrThrow(Math.max(backoffMs(attempt), (error.retryAfterS ?? 0) * 1000), call.signal);
        continue;
      }
      if (accept(outcome.status)) return outcome;
      throw error;
    }
  }

  /** One request, answered as a stream; the signal ends it. @throws LogLineError */
  async open(call: Call): Promise<Response> {
    const response = await this.fetch(call, call.signal);
    if (response.ok) return response;
    const { status, headers } = response;
    throw toError({ status, headers, body: new Uint8Array(await response.arrayBuffer()) });
  }

  private async attempt(call: Call): Promise<Answer | ConnectionError> {
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
    const init = {
      method,
      headers,
      // a redirect would carry the API token to wherever it points
      redirect: 'error' as const,
      // a Uint8Array over a shared buffer is no BodyInit; ours never is
      ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    };
    return send(`${this.base.origin}${target}`, { ...init, ...(signal === undefined ? {} : { signal }) });
  }

  /** The seven headers of a signed request; without a signer those that need no key. */
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

  /** Sets the clock by the server's when it is far off; false when it was not. */
  private mendClock(error: LogLineError): boolean {
    const serverTime = error.problem?.server_time;
    if (serverTime === undefined) return false;
    const skewMs = Date.parse(serverTime) - Date.now();
    if (Number.isNaN(skewMs) || Math.abs(skewMs - this.skewMs) < LEAST_SKEW_MS) return false;
    this.skewMs = skewMs;
    return true;
  }
}

/** The problem document of an answer as an error; an answer that is none becomes one by its status alone. */
export function toError({ status, headers, body }: Answer): LogLineError {
  const problem = parseProblem(body);
  const retryAfterS = retryAfterOf(headers);
  return toStatusError(status, problem?.detail ?? `HTTP ${status}`, {
    code: problem?.code ?? 'PROTOCOL',
    status,
    ...(problem === null ? {} : { problem, traceId: problem.trace_id }),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}

/** Seconds of `Retry-After`, given as seconds or as a date; undefined when there is none. */
export function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (text === null || text === '') return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

function parseProblem(body: Uint8Array): Problem | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return problemChecker.check(value) ? value : null;
  } catch {
    return null;
  }
}

function isWorthRetrying({ status, headers }: Answer, { retryAfterS = 0 }: LogLineError): boolean {
  if (retryAfterS > LONGEST_RETRY_AFTER_S) return false;
  const advice = headers.get('x-should-retry');
  if (advice === 'true' || advice === 'false') return advice === 'true';
  return status === 408 || status === 429 || status >= 500;
}

/** Doubles, with jitter, so that clients that failed together do not come back together. */
export function backoffMs(attempt: number): number {
  const exponential = Math.min(FIRST_BACKOFF_MS * 2 ** attempt, LONGEST_BACKOFF_MS);
  return exponential * (0.75 + Math.random() / 2);
}

async function pauseOrThrow(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(ms, signal);
  if (signal?.aborted === true) throw new ConnectionError('aborted', { code: 'ABORTED' });
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}
