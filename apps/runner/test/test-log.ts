import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  blake3Hash,
  canonicalText,
  formatBase64,
  formatHex,
  parseStrict,
  signObjectSync,
  utf8,
} from '@logline/canon-sign';
import { type Ack, type FactPlace, formatInstant, type Receipt, type Span } from '@logline/contracts';
import { emptyKnowledge, fold, type Knowledge, TdlnError, verifyFact } from '@logline/tdln';
import { testKey } from '@logline/testing';
import {
  appendLeaf,
  type Edge,
  emptyEdge,
  formatProof,
  leafHash,
  nodeHash,
  proveInclusion,
  rootOf,
  signCheckpoint,
} from '@logline/tlog';

export type FedFact = { readonly entry: string; readonly place: FactPlace; readonly sequence: number };

/**
 * A tenant's log with the rules of the gate and the promises of the ledger, in one process and without a bus: what a runner gets to see
 * is signed, proven and ordered as by the real ones. Served over HTTP to runners in processes of their own, so that these can be killed.
 */
export class TestLog {
  readonly facts: FedFact[] = [];
  readonly spans: Span[] = [];
  readonly artifacts = new Map<string, Uint8Array>();
  readonly knowledge: Knowledge;
  /** While true nobody answers. */
  isDown = false;
  readonly #origin: string;
  readonly #leaves: Uint8Array[] = [];
  #edge: Edge = emptyEdge();
  #server: Server | undefined;

  constructor(tenant: string, origin: string) {
    this.knowledge = emptyKnowledge(tenant);
    this.#origin = origin;
  }

  /** @throws TdlnError when the span breaks the rules */
  append(span: Span, { isCovered = true }: { readonly isCovered?: boolean } = {}): FedFact {
    const entry = canonicalText(span);
    const index = this.facts.length;
    const timeMs = Math.max(this.knowledge.timeMs, Date.now());
    verifyFact({ span, index, timeMs }, this.knowledge);
    fold(this.knowledge, { span, index, timeMs });
    const leaf = leafHash(utf8(entry));
    this.#leaves.push(leaf);
    this.#edge = appendLeaf(this.#edge, leaf);
    const place: FactPlace = {
      tenant: this.knowledge.tenant,
      log: this.#origin,
      index,
      leaf: formatHex(leaf),
      timeMs,
      receiptSignature: formatBase64(new Uint8Array(64)),
      ...(isCovered ? { checkpoint: this.#checkpoint() } : {}),
      trace: 'a'.repeat(32),
    };
    const fact = { entry, place, sequence: index + 1 };
    this.facts.push(fact);
    this.spans.push(span);
    return fact;
  }

  intents(): string[] {
    return this.spans.map(({ intent }) => intent);
  }

  submit(bodies: readonly string[]): Ack[] {
    return bodies.map((body) => {
      const span = parseStrict(utf8(body)) as unknown as Span; // judged by append
      const known = this.facts.findIndex(({ entry }) => entry === body);
      try {
        const index = known >= 0 ? known : this.append(span).place.index;
        return {
          status: 'ok',
          this: span.this,
          trace_id: 'a'.repeat(32),
          receipt: this.#receipt(index, span, body),
        };
      } catch (cause) {
        if (!(cause instanceof TdlnError)) throw cause;
        const no = {
          trace_id: 'a'.repeat(32),
          code: '403_FORBIDDEN',
          http_status: 403,
          details: [],
          suggested_reply: '',
        } as const;
        return { status: 'invalid', ...no, errors: [cause.message] } as unknown as Ack; // a no of the gate, as far as runners read it
      }
    });
  }

  async listen(): Promise<string> {
    const server = createServer((request, response) => {
      void (async () => {
        const url = new URL(request.url ?? '/', 'http://log');
        if (this.isDown) return response.writeHead(503).end();
        if (url.pathname === '/facts')
          return response.end(JSON.stringify(this.facts.slice(Number(url.searchParams.get('from')))));
        if (url.pathname === '/submit')
          return response.end(JSON.stringify(this.submit(JSON.parse(await text(request)))));
        const artifact = this.artifacts.get(decodeURIComponent(url.pathname.replace('/v1/artifacts/', '')));
        return artifact === undefined ? response.writeHead(404).end() : response.end(artifact);
      })();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) =>
      this.#server === undefined ? resolve(undefined) : this.#server.close(resolve),
    );
  }

  #checkpoint(): string {
    const { signer } = testKey('log');
    return signCheckpoint({ origin: this.#origin, size: this.#edge.size, root: rootOf(this.#edge) }, [
      { name: this.#origin, signer },
    ]);
  }

  #receipt(index: number, span: Span, body: string): Receipt {
    const hashes = proveInclusion(BigInt(index), this.#edge.size, (level, at) =>
      this.#node(level, Number(at)),
    );
    const merkle = formatProof({ index: BigInt(index), hashes, checkpoint: this.#checkpoint() });
    const timeMs = this.facts[index]?.place.timeMs ?? 0;
    const unsigned = {
      ts: formatInstant(timeMs),
      hash: blake3Hash(utf8(body)),
      merkle,
      this: span.this,
      log: this.#origin,
      index,
    };
    return signObjectSync('receipt', unsigned, testKey('log').signer);
  }

  #node(level: number, at: number): Uint8Array {
    if (level === 0) return this.#leaves[at] ?? new Uint8Array(32);
    return nodeHash(this.#node(level - 1, at * 2), this.#node(level - 1, at * 2 + 1));
  }
}
