import { blake3Hash, formatHex } from '@logline/canon-sign';
import {
  checkerOf,
  CONSUMERS,
  formatInstant,
  parseSubmitEnvelope,
  Span,
  STREAMS,
  type Ack,
  type AckOk,
} from '@logline/contracts';
import { answer, pullMessages } from '@logline/jetstream';
import { emptyKnowledge, fold, validate, type Knowledge } from '@logline/tdln';
import { testKey, TestLog, type SignedSpan, type TestFact } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';

const isSpan = checkerOf(Span);

type Log = { readonly log: TestLog; readonly knowledge: Knowledge };

/** What the system does with a reaction, by the gate's real rules and a log in memory: judge, commit, publish, answer. */
export class GateAndLedger {
  /** Every span that came in, in hex, by its id. */
  readonly asked = new Map<string, string[]>();
  /** Whether the n-th asking for a span is answered; by default all are. */
  answers: (span: Span, nth: number) => boolean = () => true;
  /** Whether it is committed at all, where it is not answered. */
  commits: (span: Span) => boolean = () => true;
  readonly #nc: NatsConnection;
  readonly #logs = new Map<string, Log>();
  readonly #pull;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    this.#pull = pullMessages({
      nc,
      stream: STREAMS.report,
      consumer: CONSUMERS.gateReport,
      how: { mode: 'ordered' },
      handle: ([message]) => this.#take(message.bytes),
      onFatal: (error) => console.error(error),
    });
  }

  close(): Promise<void> {
    return this.#pull.close();
  }

  logOf(tenant: string): Log {
    const known = this.#logs.get(tenant);
    if (known !== undefined) return known;
    const log = { log: new TestLog({ tenant }), knowledge: emptyKnowledge(tenant) };
    this.#logs.set(tenant, log);
    return log;
  }

  /** Facts of one intent in a tenant's log. */
  facts(tenant: string, intent: string): readonly TestFact[] {
    return this.logOf(tenant).log.facts.filter(({ span }) => span.intent === intent);
  }

  /** How many facts each tenant's log has. */
  sizes(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#logs].map(([tenant, { log }]) => [tenant, log.facts.length]));
  }

  /** What clients and runners said, judged before. */
  async commit(
    tenant: string,
    spans: readonly SignedSpan[],
    timeMs: number = Date.now(),
  ): Promise<readonly TestFact[]> {
    const { log, knowledge } = this.logOf(tenant);
    const facts = await log.commit(this.#nc, spans, timeMs);
    for (const { span, place } of facts) fold(knowledge, { span, index: place.index, timeMs });
    return facts;
  }

  async #take(envelope: Uint8Array): Promise<void> {
    const { header, bodies } = parseSubmitEnvelope(envelope);
    const [request] = header.requests;
    const [bytes] = bodies;
    if (request === undefined || bytes === undefined) return;
    const span: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isSpan.check(span)) return;
    const earlier = this.asked.get(span.this) ?? [];
    this.asked.set(span.this, [...earlier, formatHex(bytes)]);
    const isAnswered = this.answers(span, earlier.length);
    if (!isAnswered && !this.commits(span)) return;
    const ack = await this.#judge(request.tenant, span, bytes, request.trace);
    if (isAnswered) answer(this.#nc, request.reply, request.trace, [{ position: 0, ack }]);
  }

  async #judge(tenant: string, span: Span, bytes: Uint8Array, trace: string): Promise<Ack> {
    const { log, knowledge } = this.logOf(tenant);
    const old = log.facts.find((fact) => fact.span.this === span.this);
    if (old !== undefined) {
      if (formatHex(old.bytes) === formatHex(bytes)) return { ...toAck(old, trace), replayed: true };
      return { ...toInvalid(trace), code: '409_SPAN_EXISTS', http_status: 409 };
    }
    const verdict = validate({
      span,
      bytes,
      caller: { kind: 'own', user: 'deploy-orchestrator' },
      knowledge,
      installation: { operatorKeys: [testKey('operator')] },
      nowMs: Date.now(),
      submittedMs: Date.now(),
      language: 'en',
    });
    if (verdict.outcome === 'no') return { ...verdict.ack, trace_id: trace };
    const [fact] = await this.commit(tenant, [{ span, bytes: bytes.slice() }]);
    if (fact === undefined) throw new Error('nothing was committed');
    return toAck(fact, trace);
  }
}

function toAck({ span, bytes, place }: TestFact, trace: string): AckOk {
  const { log, index, timeMs, receiptSignature } = place;
  const receipt = {
    ts: formatInstant(timeMs),
    hash: blake3Hash(bytes),
    signature: receiptSignature,
    merkle: 'not looked at',
    this: span.this,
    log,
    index,
  };
  return { status: 'ok', this: span.this, trace_id: trace, receipt };
}

function toInvalid(trace: string): Extract<Ack, { status: 'invalid' }> {
  return {
    status: 'invalid',
    trace_id: trace,
    code: '403_FORBIDDEN',
    http_status: 403,
    details: [],
    errors: [],
    suggested_reply: '',
  };
}
