import {
  CONSUMERS,
  FIRST_PARTITION,
  parseAcceptEnvelope,
  STREAMS,
  type AcceptRequest,
  type Ack,
  type JudgedSpan,
} from '@logline/contracts';
import { answer, publishFacts, pullMessages, toFactMessage, type FactMessage } from '@logline/jetstream';
import { eventually, TEST_ORIGIN, type World } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';

export type Taken = {
  readonly request: AcceptRequest;
  readonly spans: readonly {
    readonly judged: JudgedSpan;
    readonly body: Uint8Array;
    readonly verdict: Uint8Array | null;
  }[];
};

/** Takes what goes to the ledger (or, before it, to the verifier) and shows it to the test, which decides what becomes of it. */
export class StandInLedger {
  readonly taken: Taken[] = [];
  readonly #nc: NatsConnection;
  readonly #size = new Map<string, number>();
  readonly #facts = new Map<string, FactMessage[]>();

  private constructor(nc: NatsConnection) {
    this.#nc = nc;
  }

  static async open(world: World, stream: 'accept' | 'verify' = 'accept'): Promise<StandInLedger> {
    const nc = await world.connect('test');
    const ledger = new StandInLedger(nc);
    pullMessages({
      nc,
      stream: STREAMS[stream],
      consumer: stream === 'accept' ? CONSUMERS.ledger(FIRST_PARTITION) : CONSUMERS.verifier,
      how: { mode: 'ordered' },
      handle: async ([message]) => ledger.#take(message.bytes),
    });
    return ledger;
  }

  /** The request of that trace, once it is here. */
  async requestOf(trace: string): Promise<Taken> {
    return await eventually(() => {
      const found = this.taken.find(({ request }) => request.trace === trace);
      if (found === undefined) throw new Error(`no request ${trace} among ${this.taken.length}`);
      return found;
    });
  }

  /** Writes facts, each behind the last one of the tenant. */
  async commit(tenant: string, bodies: readonly Uint8Array[], timeMs = Date.now()): Promise<number> {
    let index = this.#size.get(tenant) ?? 0;
    const messages = bodies.map((bytes) => {
      const span = JSON.parse(new TextDecoder().decode(bytes));
      const place = {
        tenant,
        timeMs,
        log: `${TEST_ORIGIN}/${tenant}`,
        index: index++,
        leaf: '0'.repeat(64),
        receiptSignature: 'x',
        trace: '0'.repeat(32),
      };
      return toFactMessage(span, bytes, place);
    });
    await publishFacts(this.#nc, messages);
    this.#size.set(tenant, index);
    this.#facts.set(tenant, [...(this.#facts.get(tenant) ?? []), ...messages]);
    return index - 1;
  }

  /** All facts of the tenant once more, behind what is there. */
  async republish(tenant: string): Promise<void> {
    const facts = this.#facts.get(tenant) ?? [];
    await publishFacts(
      this.#nc,
      facts.map((fact) => ({ ...fact, msgId: `${fact.msgId}:again` })),
    );
  }

  /** Commits all that was said yes to, verdicts right behind their causes. */
  async commitRequest({ request, spans }: Taken): Promise<number> {
    const bodies = spans
      .filter(({ judged }) => judged.no === undefined)
      .flatMap(({ body, verdict }) => (verdict === null ? [body] : [body, verdict]));
    return await this.commit(request.tenant, bodies);
  }

  /** Answers the request's no's, as the ledger does when what they rest on still holds. */
  answerNos({ request, spans }: Taken): void {
    const acks = spans.flatMap(({ judged }) =>
      judged.no === undefined ? [] : [{ position: judged.position, ack: judged.no as Ack }],
    );
    answer(this.#nc, request.reply, request.trace, acks);
  }

  #take(bytes: Uint8Array): void {
    const { header, bodies } = parseAcceptEnvelope(bytes);
    let at = 0;
    for (const request of header.requests) {
      const spans = request.spans.map((judged) => {
        // plain bytes, so that tests can compare them
        const body = new Uint8Array(bodies[at++] ?? []);
        return { judged, body, verdict: judged.verdict_length > 0 ? (bodies[at++] ?? null) : null };
      });
      this.taken.push({ request, spans });
    }
  }
}
