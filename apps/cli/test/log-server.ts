import {
  blake3Hash,
  canonicalBytes,
  canonicalText,
  formatHex,
  signerFromSeed,
  signObjectSync,
  spanIdFromRandom,
  type LocalSigner,
} from '@logline/canon-sign';
import { type Ack, formatInstant, matchesIntent, type Receipt, type Span } from '@logline/contracts';
import {
  formatBundle,
  formatProof,
  formatVkey,
  leafHash,
  nodeHash,
  parseTilePath,
  proveInclusion,
  rootOfLeaves,
  signCheckpoint,
  tileWidth,
} from '@logline/tlog';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * The HTTP side of one tenant's log, with real leaves, proofs, checkpoints and receipts, and no judgement of its own: what is sent is logged
 * unless a test says otherwise. For what the command does with answers, lies among them; the whole system is tried in e2e.
 */
export class LogServer {
  readonly origin: string;
  readonly tenant: string;
  readonly entries: { readonly span: Span; readonly bytes: Uint8Array; readonly receipt: Receipt }[] = [];
  readonly artifacts = new Map<string, Uint8Array>();
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingMessage['headers'];
  }[] = [];
  /** Answers a span in place of logging it; null to log it. */
  judge: (span: Span) => Exclude<Ack, { status: 'ok' }> | null = () => null;
  /** Facts that follow a span. */
  react: (span: Span, index: number) => readonly Pick<Span, 'intent' | 'payload'>[] = () => [];
  /** Changes a receipt on its way out. */
  forge: (receipt: Receipt) => Receipt = (receipt) => receipt;
  /** Changes what the log itself answers: by path and query, as they stand behind `/v1/log/<tenant>/`. */
  lie: (name: string, answer: Uint8Array | undefined) => Uint8Array | undefined = (_, answer) => answer;
  /** Whether the log is read without a token; a published one is. */
  isPublic = false;
  /** Log time, milliseconds UTC. */
  nowMs: () => number = () => Date.now();
  /** Who signs, and from which log time on; all that are held sign each checkpoint (decision 0014). */
  #keys: readonly { readonly signer: LocalSigner; readonly fromMs: number; readonly isHeld: boolean }[];
  readonly #service: LocalSigner = signerFromSeed('service', new Uint8Array(32).fill(9));
  #leaves: Uint8Array[] = [];
  #server: Server | undefined;

  constructor(tenant: string, logSeed = new Uint8Array(32).fill(8)) {
    this.tenant = tenant;
    this.origin = `test.local/${tenant}`;
    this.#keys = [{ signer: signerFromSeed('log', logSeed), fromMs: 0, isHeld: true }];
  }

  /** The key the log was born with. */
  get logPub(): Uint8Array {
    return this.#keys[0]?.signer.publicKey ?? new Uint8Array(32);
  }
  get logKey(): string {
    return formatVkey(this.origin, this.logPub);
  }
  /** The one that signs last of all that are known. */
  get newestLogKey(): string {
    return formatVkey(this.origin, this.#keys.at(-1)?.signer.publicKey ?? this.logPub);
  }

  /** Leads the log on to another key, as the operator's command does: both are held from now on. Gives the rotation's span. */
  rotate(seed: Uint8Array, fromMs: number, { hold = true }: { readonly hold?: boolean } = {}): Span {
    const next = signerFromSeed('log-2', seed);
    const payload = signObjectSync(
      'possession',
      {
        kind: 'registry/log-rotation.v1',
        tenant: this.tenant,
        origin: this.origin,
        previous: this.newestLogKey,
        log_key: formatVkey(this.origin, next.publicKey),
        from: formatInstant(fromMs),
      },
      next,
    );
    const span = this.#serviceSpan({
      intent: 'registry.log.rotated',
      subject: `urn:tenant:${this.tenant}`,
      payload,
    });
    if (!hold) return span;
    this.#keys = [...this.#keys, { signer: next, fromMs, isHeld: true }];
    this.append(span);
    return span;
  }

  /** Takes away all keys but the newest. */
  retire(): void {
    this.#keys = this.#keys.map((key, i, all) => ({ ...key, isHeld: i === all.length - 1 }));
  }

  #signerAt(timeMs: number): LocalSigner {
    const key = this.#keys.findLast(({ fromMs }) => fromMs <= timeMs);
    if (key === undefined) throw new Error('the log has no key');
    return key.signer;
  }

  #serviceSpan(fact: Pick<Span, 'intent' | 'subject' | 'payload'>): Span {
    const draft = {
      schema_version: '1.1.0',
      entity_type: 'function',
      this: spanIdFromRandom(Date.now(), crypto.getRandomValues(new Uint8Array(10))),
      did: { actor: 'service', action: 'append' },
      ts: formatInstant(Date.now()),
      ...fact,
    } as const;
    return signObjectSync('span', draft, this.#service) as Span; // filled in above
  }
  get url(): string {
    const address = this.#server?.address();
    if (typeof address !== 'object' || address === null) throw new Error('it does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  async listen(): Promise<this> {
    this.#server = createServer(
      (request, response) =>
        void this.#answer(request, response).catch((error: unknown) =>
          response.writeHead(500).end(String(error)),
        ),
    );
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    return this;
  }
  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  /** Begins another history behind the same address and key. */
  forget(): void {
    this.entries.length = 0;
    this.#leaves = [];
  }

  append(span: Span): Receipt {
    const bytes = canonicalBytes(span);
    this.#leaves.push(leafHash(bytes));
    const size = BigInt(this.#leaves.length);
    const index = this.#leaves.length - 1;
    const nowMs = this.nowMs();
    const checkpoint = this.sign(Number(size), rootOfLeaves(this.#leaves));
    const hashes = proveInclusion(BigInt(index), size, (level, at) => this.#node(level, at));
    const unsigned = {
      ts: formatInstant(nowMs),
      hash: blake3Hash(bytes),
      this: span.this,
      log: this.origin,
      index,
    };
    const receipt = {
      ...signObjectSync('receipt', unsigned, this.#signerAt(nowMs)),
      merkle: formatProof({ index: BigInt(index), hashes, checkpoint }),
    };
    this.entries.push({ span, bytes, receipt });
    if (span.intent === 'registry.log.publish') this.isPublic = span.payload?.['public'] === true;
    return receipt;
  }

  #node(level: number, at: bigint): Uint8Array {
    if (level === 0) return this.#leaves[Number(at)] ?? new Uint8Array(32);
    return nodeHash(this.#node(level - 1, at * 2n), this.#node(level - 1, at * 2n + 1n));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://x');
    const path = decodeURIComponent(url.pathname);
    this.requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers });
    const json = (status: number, value: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const raw = (bytes: Uint8Array | undefined): void =>
      bytes === undefined ? this.#notFound(response) : void response.writeHead(200).end(bytes);
    const body = await bodyOf(request);
    if (path === '/healthz') return json(200, { ok: true });
    if (path === '/v1/spans') return this.#spans(JSON.parse(body.toString()), json);
    if (path === '/v1/spans/query') {
      const { subject, intent, limit = 100, cursor } = JSON.parse(body.toString());
      const found = this.entries
        .map(({ span }, i) => ({ span, i }))
        .filter(
          ({ span, i }) =>
            span.subject === subject && matchesIntent(span.intent, intent) && i > Number(cursor ?? -1),
        );
      const items = found.slice(0, limit);
      return json(200, {
        items: items.map(({ span }) => span),
        has_more: found.length > items.length,
        cursor: String(items.at(-1)?.i ?? cursor ?? 0),
      });
    }
    if (path === '/v1/state/view') return this.#state(url.searchParams.get('subject') ?? '', json, response);
    if (path.startsWith('/v1/receipts/')) {
      const receipt = this.entries.find(
        ({ span }) => span.this === path.slice('/v1/receipts/'.length),
      )?.receipt;
      return receipt === undefined ? this.#notFound(response) : json(200, this.forge(receipt));
    }
    if (path.startsWith('/v1/spans/'))
      return raw(this.entries.find(({ span }) => span.this === path.slice('/v1/spans/'.length))?.bytes);
    if (path.startsWith('/v1/artifacts/')) {
      const hash = path.slice('/v1/artifacts/'.length);
      if (request.method === 'PUT') {
        this.artifacts.set(hash, new Uint8Array(body));
        return json(200, {});
      }
      return raw(this.artifacts.get(hash));
    }
    const log = `/v1/log/${this.tenant}/`;
    if (path.startsWith(log)) {
      const name = `${path.slice(log.length)}${url.search}`;
      const isReader = this.isPublic || request.headers.authorization !== undefined;
      const answer = isReader ? this.#logFile(path.slice(log.length), url.searchParams) : undefined;
      return raw(this.lie(name, answer));
    }
    if (path === '/v1/stream') return this.#stream(url.searchParams, response);
    return this.#notFound(response);
  }

  #logFile(path: string, query: URLSearchParams): Uint8Array | undefined {
    const size = BigInt(this.entries.length);
    const text = (value: string | undefined): Uint8Array | undefined =>
      value === undefined ? undefined : new TextEncoder().encode(value);
    if (path === 'key') return text(`${this.logKey}\n`);
    if (path === 'rotations') {
      const rotations = this.entries
        .filter(({ span }) => span.intent === 'registry.log.rotated')
        .map(({ span, receipt }) => ({ span, receipt }));
      return text(JSON.stringify({ rotations }));
    }
    if (path === 'checkpoint') return text(this.checkpointAt(Number(query.get('size') ?? size)));
    if (path === 'inclusion') {
      const leaf = query.get('leaf');
      const index = this.entries.findIndex(
        ({ span }, i) => span.this === query.get('this') || formatHex(this.#leafAt(i)) === leaf,
      );
      return index < 0 ? undefined : text(this.#prove(BigInt(index), size));
    }
    if (!path.startsWith('tile/')) return undefined;
    const { level, index, width } = parseTilePath(path);
    if (tileWidth(level, index, size) < width) return undefined;
    if (level === 'entries') {
      const from = Number(index) * 256;
      return formatBundle(this.entries.slice(from, from + width).map(({ bytes }) => bytes));
    }
    const hashes = Array.from({ length: width }, (_, i) => this.#node(8 * level, index * 256n + BigInt(i)));
    return new Uint8Array(Buffer.concat(hashes));
  }

  /** The checkpoint that was signed when the log had so many entries. */
  checkpointAt(size: number): string | undefined {
    return this.entries[size - 1]?.receipt.merkle.split('\n\n').slice(1).join('\n\n');
  }

  /** A checkpoint by the log's own key, of whatever a test says. */
  sign(size: number, root: Uint8Array): string {
    return signCheckpoint(
      { origin: this.origin, size: BigInt(size), root },
      this.#keys.filter(({ isHeld }) => isHeld).map(({ signer }) => ({ name: this.origin, signer })),
    );
  }

  #prove(index: bigint, size: bigint): string {
    const hashes = proveInclusion(index, size, (level, at) => this.#node(level, at));
    return formatProof({ index, hashes, checkpoint: this.checkpointAt(Number(size)) ?? '' });
  }

  #leafAt(index: number): Uint8Array {
    return this.#leaves[index] ?? new Uint8Array();
  }

  #spans(given: Span | readonly Span[], json: (status: number, value: unknown) => void): void {
    const spans = Array.isArray(given) ? (given as readonly Span[]) : [given as Span]; // only our own command sends here
    const acks = spans.map((span): Ack => {
      const no = this.judge(span);
      if (no !== null) return no;
      const receipt = this.append(span);
      for (const fact of this.react(span, receipt.index)) {
        this.append(this.#serviceSpan({ subject: span.subject, ...fact }));
      }
      return { status: 'ok', this: span.this, trace_id: 'f'.repeat(32), receipt: this.forge(receipt) };
    });
    const [only] = acks;
    json(acks.length === 1 && only !== undefined && only.status !== 'ok' ? only.http_status : 200, acks);
  }

  #state(subject: string, json: (status: number, value: unknown) => void, response: ServerResponse): void {
    const own = this.entries.filter(({ span }) => span.subject === subject);
    const refs = own.flatMap(({ span }) =>
      span.intent === 'minicontainer.apply'
        ? [
            `mc:${subject.slice('urn:minicontainer:'.length)}@${blake3Hash(canonicalBytes(span.payload?.['manifest']))}`,
          ]
        : [],
    );
    const runState =
      own
        .map(({ span }) => span.intent)
        .filter((intent) => intent.startsWith('run_state.'))
        .at(-1)
        ?.slice('run_state.'.length) ?? 'none';
    if (own.length === 0) return this.#notFound(response);
    json(200, {
      subject,
      head: own.at(-1)?.span.this ?? null,
      index: this.entries.length - 1,
      state: { ref: refs.at(-1), refs, run_state: runState },
    });
  }

  #stream(query: URLSearchParams, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let sent = 0;
    const timer = setInterval(() => {
      for (; sent < this.entries.length; sent++) {
        const entry = this.entries[sent];
        if (
          entry?.span.subject === query.get('subject') &&
          matchesIntent(entry.span.intent, query.get('intent') ?? undefined)
        )
          response.write(`id: ${sent}\ndata: ${canonicalText(entry.span)}\n\n`);
      }
    }, 20);
    response.on('close', () => clearInterval(timer));
  }

  #notFound(response: ServerResponse): void {
    const problem = {
      type: 'about:blank',
      title: 'Unknown, or not yours',
      status: 404,
      detail: 'there is no such thing',
      code: '404_NOT_FOUND',
      trace_id: 'f'.repeat(32),
      retryable: false,
    };
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // a request without an encoding gives Buffers
  return Buffer.concat(chunks);
}
