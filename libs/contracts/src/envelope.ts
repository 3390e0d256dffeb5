import Type from 'typebox';
import { Ack } from './ack.ts';
import { checkerOf } from './checker.ts';
import { badEnvelope, joinHeadAndBodies, splitBodies, splitHead } from './envelope-bytes.ts';
import { Count, Hash, Id, Name } from './lexical.ts';

/**
 * What travels between gateway, gate, verifier and ledger: a JSON header and, behind it, the spans' canonical bytes as they are.
 * On the wire: u32 big-endian length of the header ‖ header ‖ bodies, one after the other, in the header's order. One message
 * carries whole requests or parts of one, ≤ 128 spans and ≤ 512 KiB (decision 0002).
 */
export const MAX_ENVELOPE_SPANS = 128;
export const MAX_ENVELOPE_BYTES = 512 * 1024;

const closed = { additionalProperties: false } as const;

/** On whose behalf: an API token at the gateway, the operator's token, or a part of our own by its NATS user. */
const Caller = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('token'),
      token: Id,
      /** Of the signed request, where it was signed: key id, nonce, hash of the signed string. */
      key: Type.Optional(Id),
      nonce: Type.Optional(Type.String({ maxLength: 64 })),
      request_hash: Type.Optional(Hash),
      idempotency_key: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
      /** BLAKE3 of the body: the idempotency fingerprint. */
      payload_hash: Type.Optional(Hash),
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal('operator') }, closed),
  Type.Object({ kind: Type.Literal('own'), user: Type.String() }, closed),
]);

const request = {
  /** 32 hex; the trace id in acks, problems, logs and `traceparent`. */
  trace: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  /** Core NATS inbox where acks are expected, as `AckReply`. */
  reply: Type.String({ minLength: 1, maxLength: 256 }),
  tenant: Name,
  language: Type.Union([Type.Literal('en'), Type.Literal('pt-BR')]),
  caller: Caller,
};

/** `submit.client`, `submit.service.*`, `submit.report.*.*`, `submit.recheck`. */
export const SubmitEnvelope = Type.Object(
  {
    v: Type.Literal(1),
    requests: Type.Array(
      Type.Object(
        {
          ...request,
          /** How long the client waits, counted from the message's JetStream timestamp; past it, drop. */
          wait_ms: Count,
          /** On a recheck: when the first submission was stored and its deadline, and the log index the gate must have folded first. */
          recheck: Type.Optional(
            Type.Object({ submitted_ms: Count, min_index: Count, attempt: Count }, closed),
          ),
          spans: Type.Array(Type.Object({ position: Count, length: Count }, closed), {
            minItems: 1,
            maxItems: MAX_ENVELOPE_SPANS,
          }),
        },
        closed,
      ),
      { minItems: 1, maxItems: MAX_ENVELOPE_SPANS },
    ),
  },
  closed,
);

/** A span with the gate's verdict, on its way to the ledger. */
export const JudgedSpan = Type.Object(
  {
    position: Count,
    length: Count,
    /** Bytes of the verdict span that commits with it (`minicontainer.applied`, …); 0 for none. Its body follows the span's own. */
    verdict_length: Count,
    /** Who signed it; only a client's span moves the subject's head. */
    role: Type.Enum(['operator', 'client', 'service', 'runner']),
    /** What the verdict rests on: key → log index of the last write the gate knew, −1 for never. */
    reads: Type.Record(Type.String(), Type.Integer({ minimum: -1 })),
    writes: Type.Array(Type.String()),
    /** The verdict holds only while log time is not past this. */
    valid_until_ms: Type.Optional(Count),
    /** A no: answered, not logged, if its reads still hold. */
    no: Type.Optional(Ack),
  },
  closed,
);
export type JudgedSpan = Type.Static<typeof JudgedSpan>;

/** `verify.<partition>`, `accept.<partition>`. */
export const AcceptEnvelope = Type.Object(
  {
    v: Type.Literal(1),
    requests: Type.Array(
      Type.Object(
        {
          ...request,
          /** JetStream time of the first submission, and the moment from which nobody waits any more. */
          submitted_ms: Count,
          deadline_ms: Count,
          attempt: Count,
          spans: Type.Array(JudgedSpan, { minItems: 1, maxItems: MAX_ENVELOPE_SPANS }),
        },
        closed,
      ),
      { minItems: 1, maxItems: MAX_ENVELOPE_SPANS },
    ),
  },
  closed,
);

export type Caller = Type.Static<typeof Caller>;
export type SubmitEnvelope = Type.Static<typeof SubmitEnvelope>;
export type SubmitRequest = SubmitEnvelope['requests'][number];
export type AcceptEnvelope = Type.Static<typeof AcceptEnvelope>;
export type AcceptRequest = AcceptEnvelope['requests'][number];

const submitChecker = checkerOf(SubmitEnvelope);
const acceptChecker = checkerOf(AcceptEnvelope);

/** Header and bodies as one message. Bodies are in the header's order: each span, then its verdict span if it has one. */
export function formatEnvelope(
  header: SubmitEnvelope | AcceptEnvelope,
  bodies: readonly Uint8Array[],
): Uint8Array {
  return withHead(JSON.stringify(header), bodies);
}

/** The same of requests that are JSON already, by whoever had to know how long they are. */
export function joinEnvelope(requests: readonly string[], bodies: readonly Uint8Array[]): Uint8Array {
  return withHead(`{"v":1,"requests":[${requests.join(',')}]}`, bodies);
}

function withHead(text: string, bodies: readonly Uint8Array[]): Uint8Array {
  return joinHeadAndBodies(
    text,
    bodies.map((body) => ({ length: body.length, write: (to) => to.set(body) })),
  );
}

export type Envelope<Header> = { readonly header: Header; readonly bodies: readonly Uint8Array[] };

/** @throws ContractError `BAD_ENVELOPE` */
export function parseSubmitEnvelope(bytes: Uint8Array): Envelope<SubmitEnvelope> {
  const { head: header, rest } = splitHead(bytes);
  if (!submitChecker.check(header)) throw badEnvelope('its header is no SubmitEnvelope');
  const lengths = header.requests.flatMap((request) => request.spans.map((span) => span.length));
  return { header, bodies: splitBodies(rest, lengths) };
}

/** Bodies: each span, then its verdict span where `verdict_length > 0`. @throws ContractError `BAD_ENVELOPE` */
export function parseAcceptEnvelope(bytes: Uint8Array): Envelope<AcceptEnvelope> {
  const { head: header, rest } = splitHead(bytes);
  if (!acceptChecker.check(header)) throw badEnvelope('its header is no AcceptEnvelope');
  const lengths = header.requests.flatMap((request) =>
    request.spans.flatMap((span) =>
      span.verdict_length > 0 ? [span.length, span.verdict_length] : [span.length],
    ),
  );
  return { header, bodies: splitBodies(rest, lengths) };
}
