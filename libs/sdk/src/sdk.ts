import { blake3Hash, canonicalBytes, parseStrict, utf8 } from '@logline/canon-sign';
import {
  Ack,
  checkerOf,
  QueryResponse,
  Receipt,
  Span,
  StateView,
  type AckInvalid,
  type AckNeedMore,
  type QueryRequest,
} from '@logline/contracts';
import { parseSuccession } from '@logline/tlog';
import { DeployAPI } from './deploy-api.ts';
import { MiniContainerAPI } from './minicontainer-api.ts';
import { RegistryAPI } from './registry-api.ts';
import { WalletAPI } from './wallet-api.ts';
import type { LogLineConfig } from './config.ts';
import { LogLineError, NotFoundError, toStatusError } from './errors.ts';
import { streamSpans, type StreamedSpan } from './event-stream.ts';
import { LogKeyFollower, rotationsOf } from './log-key-follower.ts';
import { pollSpans } from './polling.ts';
import { ReceiptKeeper } from './receipts.ts';
import { signSpan, type SignedSpan, type SpanInput } from './span-draft.ts';
import { retryAfterOf, toError, Transport, type Answer, type Call } from './transport.ts';

const ackChecker = checkerOf(Ack);
const queryChecker = checkerOf(QueryResponse);
const receiptChecker = checkerOf(Receipt);
const stateChecker = checkerOf(StateView);
const spanChecker = checkerOf(Span);
/** Acks that one span's caller gets as an answer; everything else is thrown. */
const ANSWERED = new Set([200, 207, 422]);
/** The server says something every 15 s. */
const STREAM_IDLE_MS = 45_000;

export type StreamParams = {
  readonly subject?: string;
  /** Intent, or a family: `run_state.*`. */
  readonly intent?: string;
  /** RFC 3339; without it and without a cursor, only what comes next. */
  readonly since?: string;
  readonly cursor?: string;
};

export type AppendOptions = { readonly idempotencyKey?: string; readonly signal?: AbortSignal };

/** The TypeScript client: signs, sends, retries, verifies. Safe to share; holds no connection open by itself. */
export class LogLineSDK {
  readonly registry: RegistryAPI;
  readonly deploy: DeployAPI;
  readonly wallet: WalletAPI;
  readonly mini: MiniContainerAPI;
  readonly tenant: string;
  private readonly config: LogLineConfig;
  private readonly transport: Transport;
  private readonly keeper: ReceiptKeeper | undefined;

  constructor(config: LogLineConfig) {
    this.config = config;
    this.tenant = config.tenant;
    this.transport = new Transport(config);
    this.keeper = this.newKeeper();
    this.registry = new RegistryAPI(this);
    this.deploy = new DeployAPI(this);
    this.wallet = new WalletAPI(this);
    this.mini = new MiniContainerAPI(this);
  }

  /**
   * Signs and sends spans; one ack each, in order. A single span that is refused for anything but its form is thrown as a typed
   * error; for several, look at each ack.
   *
   * @throws LogLineError 401, 403, 404, 409, 413, 428, 429, 5xx when one span was sent; request faults and no answer always
   */
  async append(spans: SpanInput | readonly SpanInput[], options: AppendOptions = {}): Promise<Ack[]> {
    const inputs: readonly SpanInput[] = isList(spans) ? spans : [spans];
    return this.send(() => Promise.all(inputs.map((input) => this.sign(input))), options);
  }

  /** The time by the server's clock as far as it is known, milliseconds UTC. */
  now(): number {
    return this.transport.now();
  }

  /** Fills a span in and signs it, without sending it. */
  async sign(input: SpanInput): Promise<SignedSpan> {
    const { signer } = this.config;
    if (signer === undefined) {
      if (input.signature === undefined)
        throw new LogLineError('no signer: open the wallet', { code: '401_UNAUTHORIZED' });
      const span = input as Span; // signed elsewhere; the gate judges it
      return { span, bytes: canonicalBytes(span) };
    }
    return signSpan(input, signer, this.transport.now(), this.config.userAgent ?? 'sdk');
  }

  /** As `append`, for spans that are signed already. */
  async appendSigned(signed: readonly SignedSpan[], options: AppendOptions = {}): Promise<Ack[]> {
    return this.send(async () => signed, options);
  }

  /** Spans of a subject, oldest first; the cursor resumes behind them, here and on a stream. @throws LogLineError */
  async query(request: QueryRequest, signal?: AbortSignal): Promise<QueryResponse> {
    const call: Call = {
      method: 'POST',
      target: '/v1/spans/query',
      body: utf8(JSON.stringify(request)),
      contentType: 'application/json',
    };
    const answer = await this.transport.call({ ...call, ...(signal === undefined ? {} : { signal }) });
    const value = parseJson(answer);
    if (!queryChecker.check(value)) throw protocolError('no query response');
    return value;
  }

  /** Calls back with each span as it comes; returns what ends it. Errors that end the stream go to `onError`. */
  stream(
    params: StreamParams,
    onSpan: (span: Span) => void,
    onError: (error: unknown) => void = () => undefined,
  ): () => void {
    const controller = new AbortController();
    void (async () => {
      for await (const { span } of this.events(params, controller.signal)) onSpan(span);
    })().catch(onError);
    return () => controller.abort();
  }

  /**
   * Spans as they come, each with a cursor to resume by. Reconnects without gap or duplicate; ends with the signal.
   * @throws LogLineError for an answer that no retry can mend
   */
  events(
    params: StreamParams,
    signal: AbortSignal,
    onReconnect?: (error: unknown) => void,
  ): AsyncGenerator<StreamedSpan> {
    const { cursor, ...rest } = params;
    if (this.config.defaultTransport === 'polling') return this.poll(params, signal);
    return streamSpans({
      signal,
      idleMs: this.config.streamIdleMs ?? STREAM_IDLE_MS,
      ...(onReconnect === undefined ? {} : { onReconnect }),
      open: (lastEventId, attempt) => {
        const query = new URLSearchParams(toPairs({ ...rest, cursor }));
        return this.transport.open({
          method: 'GET',
          target: `/v1/stream?${query.toString()}`,
          headers: {
            accept: 'text/event-stream',
            ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
          },
          signal: attempt,
        });
      },
    });
  }

  /** The view of a subject; null when it has none. */
  async state(subject: string): Promise<StateView | null> {
    const answer = await this.transport.call(
      { method: 'GET', target: `/v1/state/view?subject=${encodeURIComponent(subject)}` },
      (status) => status === 404,
    );
    if (answer.status === 404) return null;
    const value = parseJson(answer);
    if (!stateChecker.check(value)) throw protocolError('no state view');
    return value;
  }

  /** All containers of the tenant, page by page. */
  async *containers(): AsyncGenerator<StateView> {
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({
        subject: `urn:minicontainer:${this.tenant}/*`,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const page = parseJson(
        await this.transport.call({ method: 'GET', target: `/v1/state/view?${query.toString()}` }),
      );
      if (!isPage(page)) throw protocolError('no listing');
      for (const item of page.items) if (stateChecker.check(item)) yield item;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** A span of the tenant as it was signed; null when there is none. */
  async span(id: string): Promise<SignedSpan | null> {
    const target = `/v1/spans/${encodeURIComponent(id)}`;
    const answer = await this.transport.call({ method: 'GET', target }, (status) => status === 404);
    if (answer.status === 404) return null;
    const value: unknown = parseStrict(answer.body);
    if (!spanChecker.check(value)) throw protocolError('no span');
    return { span: value, bytes: answer.body };
  }

  /** The receipt of a span; null when there is none. */
  async receipt(id: string): Promise<Receipt | null> {
    const target = `/v1/receipts/${encodeURIComponent(id)}`;
    const answer = await this.transport.call({ method: 'GET', target }, (status) => status === 404);
    if (answer.status === 404) return null;
    const value = parseJson(answer);
    if (!receiptChecker.check(value)) throw protocolError('no receipt');
    return value;
  }

  /** Stores ciphertext; returns its hash. Doing it twice changes nothing. */
  async putArtifact(bytes: Uint8Array): Promise<string> {
    const hash = blake3Hash(bytes);
    const target = `/v1/artifacts/${encodeURIComponent(hash)}`;
    await this.transport.call({
      method: 'PUT',
      target,
      body: bytes,
      contentType: 'application/octet-stream',
    });
    return hash;
  }

  /** Ciphertext by its hash, which is checked; null when the tenant has none. */
  async artifact(hash: string): Promise<Uint8Array | null> {
    const target = `/v1/artifacts/${encodeURIComponent(hash)}`;
    const answer = await this.transport.call({ method: 'GET', target }, (status) => status === 404);
    if (answer.status === 404) return null;
    if (blake3Hash(answer.body) !== hash) throw protocolError('an artifact that does not have its hash');
    return answer.body;
  }

  /** A file of the tenant's log: `checkpoint`, `tile/0/000.p/3`, `tile/entries/000`. */
  async logFile(path: string): Promise<Uint8Array> {
    return (await this.transport.call({ method: 'GET', target: `/v1/log/${this.tenant}/${path}` })).body;
  }

  /** What the log says its key has gone through, as `LogKeyFollower` takes it; null where the server says nothing of it. Not verified. */
  async logRotations(): Promise<Uint8Array | null> {
    return await this.logFile('rotations').catch((error: unknown) => {
      if (error instanceof NotFoundError) return null;
      throw error;
    });
  }

  /** Any route, signed as it must be. The answer is returned whatever its status. */
  async request(call: Call): Promise<Answer> {
    return this.transport.call(call, () => true);
  }

  /** @throws TlogError for a pinned key, rotations or a checkpoint that do not hold */
  private newKeeper(): ReceiptKeeper | undefined {
    const { logKey, knownRotations = [], knownCheckpoint, onRotations } = this.config;
    if (logKey === undefined) return undefined;
    const follower = new LogKeyFollower({
      succession: parseSuccession({ log_key: logKey, rotations: knownRotations }),
      fetchRotations: () => this.logRotations(),
      onFollowed: (succession) => onRotations?.(rotationsOf(succession)),
    });
    return new ReceiptKeeper(follower, (path) => this.logFile(path), knownCheckpoint);
  }

  /** `make` is asked again when the clock by which it signed turned out to be wrong. */
  private async send(
    make: () => Promise<readonly SignedSpan[]>,
    { idempotencyKey, signal }: AppendOptions,
  ): Promise<Ack[]> {
    let signed = await make();
    const answer = await this.transport.call(
      {
        method: 'POST',
        target: '/v1/spans',
        body: toBody(signed),
        contentType: 'application/json',
        remake: async () => toBody((signed = await make())),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        ...(signal === undefined ? {} : { signal }),
      },
      () => true,
    );
    const acks = parseAcks(answer, signed.length).map((ack, i) => earlierSelf(ack, signed[i]));
    await this.keep(acks, signed);
    const [only] = acks;
    if (acks.length === 1 && only !== undefined) throwRefusal(only, answer);
    return acks;
  }

  private poll({ subject, ...rest }: StreamParams, signal: AbortSignal): AsyncGenerator<StreamedSpan> {
    if (subject === undefined) throw new LogLineError('polling needs a subject', { code: '400_BAD_REQUEST' });
    return pollSpans((request, until) => this.query(request, until), { subject, ...rest }, signal);
  }

  private async keep(acks: readonly Ack[], signed: readonly SignedSpan[]): Promise<void> {
    for (const [i, ack] of acks.entries()) {
      const receipt = ack.status === 'need_more' ? undefined : ack.receipt;
      const own = signed[i];
      if (receipt === undefined || own === undefined || receipt.this !== own.span.this) continue;
      // a receipt for other bytes is that of another span with the same id, and the ack says so
      if (ack.status !== 'ok' && receipt.hash !== blake3Hash(own.bytes)) continue;
      await this.keeper?.check(receipt, own.bytes);
      await this.config.onReceipt?.(receipt, own.bytes);
    }
  }
}

function toBody(signed: readonly SignedSpan[]): Uint8Array {
  const [only] = signed;
  if (signed.length === 1 && only !== undefined) return only.bytes;
  const texts = signed.map(({ bytes }) => new TextDecoder().decode(bytes));
  return utf8(`[${texts.join(',')}]`);
}

/** A conflict with the span's own earlier self is no failure: it was a retry, and this is what it got then (protocol §8). */
function earlierSelf(ack: Ack, own: SignedSpan | undefined): Ack {
  if (ack.status !== 'invalid' || ack.http_status !== 409 || own === undefined) return ack;
  const { receipt, trace_id } = ack;
  const isOwn = receipt?.this === own.span.this && receipt.hash === blake3Hash(own.bytes);
  return receipt !== undefined && isOwn
    ? { status: 'ok', this: receipt.this, trace_id, receipt, replayed: true }
    : ack;
}

function parseAcks(answer: Answer, count: number): Ack[] {
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
  if (answer.status >= 400 && !isJson) throw toError(answer);
  const value = parseJson(answer);
  if (!Array.isArray(value)) throw answer.status >= 400 ? toError(answer) : protocolError('no acks');
  const acks = value.filter((ack): ack is Ack => ackChecker.check(ack));
  if (acks.length !== count) throw protocolError(`${acks.length} acks for ${count} spans`);
  return acks;
}

function throwRefusal(ack: Ack, answer: Answer): void {
  if (ack.status !== 'ok' && !ANSWERED.has(ack.http_status)) throw refusalError(ack, answer);
}

function refusalError(ack: AckInvalid | AckNeedMore, { headers }: Answer): LogLineError {
  const retryAfterS = retryAfterOf(headers);
  const message = ack.details
    .map(({ pointer, message: what }) => (pointer === '' ? what : `${pointer} ${what}`))
    .join('; ');
  return toStatusError(ack.http_status, message === '' ? ack.errors.join('; ') || ack.code : message, {
    code: ack.code,
    status: ack.http_status,
    traceId: ack.trace_id,
    ack,
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}

function parseJson({ body }: Answer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw new LogLineError('the server answered something that is not JSON', { code: 'PROTOCOL', cause });
  }
}

function protocolError(what: string): LogLineError {
  return new LogLineError(`the server answered with ${what}`, { code: 'PROTOCOL' });
}

function isList(spans: SpanInput | readonly SpanInput[]): spans is readonly SpanInput[] {
  return Array.isArray(spans);
}

function toPairs(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) pairs[name] = value;
  return pairs;
}

function isPage(value: unknown): value is { items: unknown[]; cursor?: string } {
  return typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items);
}
