import Type from 'typebox';
import { Ack } from './ack.ts';
import { checkerOf } from './checker.ts';
import { joinHeadAndBodies, splitBodies, splitHead } from './envelope-bytes.ts';
import { ContractError } from './errors.ts';
import { Count } from './lexical.ts';

/**
 * Acks on the caller's reply inbox (core NATS), in any grouping; positions say which span each is for. On the wire as an envelope is: a JSON header, and
 * behind it each ack's JSON as the client gets it, so that the gateway passes bytes on without reading them.
 */
export type AckReply = {
  readonly v: 1;
  readonly trace: string;
  readonly acks: readonly { readonly position: number; readonly ack: Ack }[];
};

/** What a door has to know of an ack, and the ack's JSON. */
export type AckBytes = {
  /** 200 for a fact. */
  readonly httpStatus: number;
  /** A fact that was one before this request. */
  readonly isReplay: boolean;
  readonly bytes: Uint8Array;
};
export type PositionedAckBytes = AckBytes & { readonly position: number };

const Head = Type.Object(
  {
    v: Type.Literal(1),
    trace: Type.String(),
    acks: Type.Array(
      Type.Object(
        {
          position: Count,
          length: Count,
          http_status: Type.Integer({ minimum: 200, maximum: 599 }),
          replayed: Type.Optional(Type.Literal(true)),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
  },
  { additionalProperties: false },
);
const headChecker = checkerOf(Head);
const ackChecker = checkerOf(Ack);

/** An ack as it travels, and how long it is. */
export type WrittenAck = {
  readonly position: number;
  readonly text: string;
  /** Bytes of `text`. */
  readonly length: number;
  readonly head: Readonly<Record<string, unknown>>;
};

export function writeAck(position: number, ack: Ack): WrittenAck {
  const text = JSON.stringify(ack);
  const length = typeof Buffer === 'undefined' ? encoder.encode(text).length : Buffer.byteLength(text);
  const http_status = httpStatusOf(ack);
  const head = { position, length, http_status, ...(isReplay(ack) ? { replayed: true } : {}) };
  return { position, text, length, head };
}

export function joinAckReply(trace: string, acks: readonly WrittenAck[]): Uint8Array {
  const head = JSON.stringify({ v: 1, trace, acks: acks.map((ack) => ack.head) });
  return joinHeadAndBodies(
    head,
    acks.map(({ length, text }) => ({ length, write: (to) => void encoder.encodeInto(text, to) })),
  );
}

export function formatAckReply({ trace, acks }: AckReply): Uint8Array {
  return joinAckReply(
    trace,
    acks.map(({ position, ack }) => writeAck(position, ack)),
  );
}

/** The acks unread. @throws ContractError `BAD_ENVELOPE` */
export function splitAckReply(bytes: Uint8Array): {
  readonly trace: string;
  readonly acks: readonly PositionedAckBytes[];
} {
  const { head, rest } = splitHead(bytes);
  if (!headChecker.check(head)) throw new ContractError('BAD_ENVELOPE', 'not an envelope: it is no AckReply');
  const bodies = splitBodies(
    rest,
    head.acks.map(({ length }) => length),
  );
  const acks = head.acks.map(({ position, http_status, replayed }, at) => ({
    position,
    httpStatus: http_status,
    isReplay: replayed === true,
    bytes: bodies[at] ?? NOTHING,
  }));
  return { trace: head.trace, acks };
}
const NOTHING = new Uint8Array(0); // unreachable: as many bodies as lengths

/** @throws ContractError `BAD_ENVELOPE` */
export function parseAckReply(bytes: Uint8Array): AckReply {
  const { trace, acks } = splitAckReply(bytes);
  return { v: 1, trace, acks: acks.map((one) => ({ position: one.position, ack: parseAck(one) })) };
}

/** @throws ContractError `BAD_ENVELOPE` for what is no ack, or not the one that its header speaks of */
export function parseAck({ bytes, httpStatus, isReplay: saysReplay }: AckBytes): Ack {
  let ack: unknown;
  try {
    ack = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ContractError('BAD_ENVELOPE', 'not an ack: it is not JSON', { cause });
  }
  if (!ackChecker.check(ack)) throw new ContractError('BAD_ENVELOPE', 'not an ack');
  if (httpStatusOf(ack) !== httpStatus || isReplay(ack) !== saysReplay)
    throw new ContractError('BAD_ENVELOPE', 'not the ack that its header speaks of');
  return ack;
}

/** An ack of the door's own, as one that has come in. */
export function toAckBytes(ack: Ack): AckBytes {
  return {
    httpStatus: httpStatusOf(ack),
    isReplay: isReplay(ack),
    bytes: encoder.encode(JSON.stringify(ack)),
  };
}

function httpStatusOf(ack: Ack): number {
  return ack.status === 'ok' ? 200 : ack.http_status;
}

function isReplay(ack: Ack): boolean {
  return ack.status === 'ok' && ack.replayed === true;
}

const encoder = new TextEncoder(); // JSON.stringify leaves no half surrogates
