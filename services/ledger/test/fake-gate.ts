import { randomBytes } from 'node:crypto';
import {
  parseAck,
  type AcceptEnvelope,
  type AcceptRequest,
  acceptPartition,
  type Ack,
  type Caller,
  formatEnvelope,
} from '@logline/contracts';
import { Publisher, ReplyInbox } from '@logline/jetstream';
import type { SignedSpan, World } from '@logline/testing';

export type Judged = {
  readonly cause: SignedSpan;
  readonly verdict?: SignedSpan;
  readonly role?: 'operator' | 'client' | 'service' | 'runner';
  readonly reads?: Record<string, number>;
  readonly writes?: string[];
  readonly valid_until_ms?: number;
  readonly no?: Ack;
};
export type Wishes = {
  readonly tenant?: string;
  readonly caller?: Caller;
  readonly waitMs?: number;
  readonly language?: 'en' | 'pt-BR';
  readonly attempt?: number;
  /** Where it believes the tenant to be; 0 by default, of an envelope's first request. */
  readonly partition?: number;
};

/** Stands where the gate stands: says ok to whatever a test tells it to, by the gate's own NATS user. */
export class FakeGate {
  readonly #publisher: Publisher;
  readonly #inbox: ReplyInbox;

  private constructor(publisher: Publisher, inbox: ReplyInbox) {
    this.#publisher = publisher;
    this.#inbox = inbox;
  }

  static async open(world: World): Promise<FakeGate> {
    return new FakeGate(
      new Publisher(await world.connect('tdln-gate')),
      ReplyInbox.open(await world.connect('gateway'), 'gateway'),
    );
  }

  /** One envelope of one request; its acks, undefined for those that did not come in time. */
  async submit(spans: readonly Judged[], wishes: Wishes = {}): Promise<readonly (Ack | undefined)[]> {
    const [acks] = await this.submitAll([{ spans, ...wishes }]);
    return acks ?? [];
  }

  /** One envelope of several requests. */
  async submitAll(
    requests: readonly (Wishes & { readonly spans: readonly Judged[] })[],
  ): Promise<readonly (readonly (Ack | undefined)[])[]> {
    const waitMs = Math.max(...requests.map(({ waitMs: one = 10_000 }) => one));
    const expected = requests.map(({ spans }) => this.#inbox.expect(spans.length));
    try {
      await this.publish(
        formatRequests(
          requests,
          expected.map(({ reply }) => reply),
        ),
        requests[0]?.partition,
      );
      const received = await Promise.all(expected.map((one) => one.until(Date.now() + waitMs)));
      return received.map((acks) => acks.map((ack) => ack && parseAck(ack)));
    } finally {
      for (const one of expected) one.close();
    }
  }

  async publish(bytes: Uint8Array, partition = 0): Promise<void> {
    await this.#publisher.publish(acceptPartition(partition), bytes);
  }
}

export function formatRequests(
  requests: readonly (Wishes & { readonly spans: readonly Judged[] })[],
  replies: readonly string[],
): Uint8Array {
  const nowMs = Date.now();
  const header: AcceptEnvelope = {
    v: 1,
    requests: requests.map(
      (
        { spans, tenant = 'acme', caller, waitMs = 10_000, language = 'en', attempt = 0 },
        at,
      ): AcceptRequest => ({
        trace: randomBytes(16).toString('hex'),
        reply: replies[at] ?? '',
        tenant,
        language,
        caller: caller ?? { kind: 'own', user: 'test' },
        submitted_ms: nowMs,
        deadline_ms: nowMs + waitMs,
        attempt,
        spans: spans.map(
          ({ cause, verdict, role = 'client', reads = {}, writes = [], valid_until_ms, no }, position) => ({
            position,
            length: cause.bytes.length,
            verdict_length: verdict?.bytes.length ?? 0,
            role,
            reads,
            writes,
            ...(valid_until_ms === undefined ? {} : { valid_until_ms }),
            ...(no === undefined ? {} : { no }),
          }),
        ),
      }),
    ),
  };
  return formatEnvelope(
    header,
    requests.flatMap(({ spans }) =>
      spans.flatMap(({ cause, verdict }) => (verdict ? [cause.bytes, verdict.bytes] : [cause.bytes])),
    ),
  );
}
