import { blake3Hash, utf8 } from '@logline/canon-sign';
import {
  type AcceptRequest,
  acceptPartition,
  type Ack,
  type Caller,
  CONSUMERS,
  formatEnvelope,
  inboxPrefix,
  parseAckReply,
  parseSubmitEnvelope,
  type Receipt,
  STREAMS,
} from '@logline/contracts';
import { Publisher, pullMessages } from '@logline/jetstream';
import { type NatsConnection, nuid } from '@nats-io/nats-core';
import { formatRequests, type Judged } from '../fake-gate.ts';
import { book, type Claim } from './claims.ts';

/** A request of some spans: what a client sends again and again, the same each time. */
export type Request = {
  readonly tenant: string;
  readonly claims: readonly Claim[];
  readonly caller?: Caller;
};

export type ClientsParts = {
  /** As `gateway`, `tdln-gate` and whoever may do everything. */
  readonly gateway: NatsConnection;
  readonly gate: NatsConnection;
  /** An answer that must not be: reported, not thrown, for nobody waits where it arrives. */
  readonly onViolation: (error: unknown) => void;
  /** Every receipt as it arrives, the first time and again. @throws Violation for one that may not be given yet */
  readonly onReceipt: (tenant: string, receipt: Receipt) => void;
};

export type SendOptions = {
  readonly waitMs: number;
  /** Waited beyond that for an answer. */
  readonly graceMs?: number;
  readonly times?: number;
  /** Where the gate believes the tenants to be; 0 by default. */
  readonly partition?: number;
};

type Expected = { readonly claims: readonly Claim[]; readonly answered: Set<number>; wake: () => void };

/**
 * Gateway and gate at once, as far as the ledger can tell them apart from the real ones: sends envelopes, books every answer that ever
 * comes, however late and however often, and judges again what the ledger sends back.
 */
export class Clients {
  readonly #publisher: Publisher;
  readonly #base: string;
  readonly #expected = new Map<string, Expected>();
  readonly #claims = new Map<string, Claim>();
  readonly #onViolation: (error: unknown) => void;
  readonly #onReceipt: ClientsParts['onReceipt'];
  readonly #close: () => Promise<void>;
  #serial = 0;
  /** Envelopes sent, answers booked, requests judged again. */
  readonly counts = { envelopes: 0, answers: 0, rechecks: 0 };

  constructor({ gateway, gate, onViolation, onReceipt }: ClientsParts) {
    this.#onReceipt = onReceipt;
    this.#publisher = new Publisher(gate);
    this.#onViolation = onViolation;
    this.#base = `${inboxPrefix('gateway')}.${nuid.next()}`;
    const inbox = gateway.subscribe(`${this.#base}.*`, {
      callback: (error, message) => {
        if (error === null) this.#hear(message.subject, message.data);
      },
    });
    const rechecks = pullMessages({
      nc: gate,
      stream: STREAMS.submit,
      consumer: CONSUMERS.gateSubmit,
      how: { mode: 'concurrent', limit: 64 },
      handle: ([message]) => this.#judgeAgain(message.bytes),
    });
    this.#close = async () => {
      inbox.unsubscribe();
      await rechecks.close();
    };
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** What is known of earlier runs is of no more use. */
  forget(): void {
    this.#expected.clear();
    this.#claims.clear();
  }

  /** One envelope, `times` over. Resolves when all is answered, or nobody waits any more. */
  async send(
    requests: readonly Request[],
    { waitMs, graceMs = 150, times = 1, partition = 0 }: SendOptions,
  ): Promise<void> {
    const waiting = requests.map(({ claims }) => this.#expect(claims));
    const bytes = formatRequests(
      requests.map(({ tenant, claims, caller }) => ({
        tenant,
        spans: claims.map(({ judged }) => judged),
        waitMs,
        ...(caller === undefined ? {} : { caller }),
      })),
      waiting.map(({ reply }) => reply),
    );
    for (const { claims } of requests) for (const claim of claims) claim.attempts += times;
    this.counts.envelopes += times;
    const until = Date.now() + waitMs + graceMs;
    // what is not stored was not sent; and a client does not care why
    await Promise.all(
      Array.from({ length: times }, () =>
        this.#publisher
          .publish(acceptPartition(partition), bytes, { attempts: 1, timeoutMs: 1_000 })
          .catch(() => undefined),
      ),
    );
    await Promise.all(waiting.map(({ all }) => all(until)));
  }

  #expect(claims: readonly Claim[]): { reply: string; all: (untilMs: number) => Promise<void> } {
    const reply = `${this.#base}.${(this.#serial++).toString(36)}`;
    const expected: Expected = { claims, answered: new Set(), wake: () => undefined };
    this.#expected.set(reply, expected);
    for (const claim of claims) this.#claims.set(keyOf(claim.tenant, claim.judged.cause.bytes), claim);
    return {
      reply,
      all: async (untilMs) => {
        if (expected.answered.size === claims.length) return;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.max(0, untilMs - Date.now()));
          expected.wake = () => {
            if (expected.answered.size < claims.length) return;
            clearTimeout(timer);
            resolve();
          };
        });
      },
    };
  }

  #hear(subject: string, bytes: Uint8Array): void {
    const expected = this.#expected.get(subject);
    if (expected === undefined) return; // of an earlier run
    try {
      for (const { position, ack } of parseAckReply(bytes).acks) this.#take(expected, position, ack);
    } catch (error) {
      this.#onViolation(error);
    }
    expected.wake();
  }

  #take(expected: Expected, position: number, ack: Ack): void {
    const claim = expected.claims[position];
    if (claim === undefined) throw new Error(`an answer for position ${position}, which was not asked`);
    expected.answered.add(position);
    this.counts.answers++;
    if ('receipt' in ack && ack.receipt !== undefined) this.#onReceipt(claim.tenant, ack.receipt);
    book(claim, ack);
  }

  /** As the gate does it: knows the log up to `min_index` by now, and says yes again. */
  async #judgeAgain(bytes: Uint8Array): Promise<void> {
    const { header, bodies } = parseSubmitEnvelope(bytes);
    let at = 0;
    for (const request of header.requests) {
      const { recheck, spans, tenant, trace, reply, language, caller, wait_ms } = request;
      if (recheck === undefined) continue;
      const judged = spans.map(({ position }) => {
        const body = bodies[at++] ?? new Uint8Array(0);
        const claim = this.#claims.get(keyOf(tenant, body));
        return { position, body, judged: claim?.judged };
      });
      this.counts.rechecks++;
      await this.#publisher.publish(
        acceptPartition(0),
        formatAgain(judged, {
          trace,
          reply,
          tenant,
          language,
          caller,
          submitted_ms: recheck.submitted_ms,
          deadline_ms: recheck.submitted_ms + wait_ms,
          attempt: recheck.attempt,
          readAt: recheck.min_index,
        }),
      );
    }
  }
}

type Again = { readonly position: number; readonly body: Uint8Array; readonly judged: Judged | undefined };

function formatAgain(
  spans: readonly Again[],
  { readAt, ...request }: Omit<AcceptRequest, 'spans'> & { readonly readAt: number },
): Uint8Array {
  return formatEnvelope(
    {
      v: 1,
      requests: [
        {
          ...request,
          spans: spans.map(({ position, body, judged }) => ({
            position,
            length: body.length,
            verdict_length: judged?.verdict?.bytes.length ?? 0,
            role: judged?.role ?? 'client',
            reads: Object.fromEntries(Object.keys(judged?.reads ?? {}).map((key) => [key, readAt])),
            writes: judged?.writes ?? [],
          })),
        },
      ],
    },
    spans.flatMap(({ body, judged }) =>
      judged?.verdict === undefined ? [body] : [body, judged.verdict.bytes],
    ),
  );
}

function keyOf(tenant: string, bytes: Uint8Array): string {
  return `${tenant} ${blake3Hash(bytes)}`;
}

/** Of a token, with an idempotency key and a signed request's nonce. */
export function tokenCaller(name: string, payload: string = name): Caller {
  return {
    kind: 'token',
    token: 'tok1',
    key: 'root',
    nonce: name,
    request_hash: blake3Hash(utf8(`request ${payload}`)),
    idempotency_key: name,
    payload_hash: blake3Hash(utf8(`payload ${payload}`)),
  };
}
