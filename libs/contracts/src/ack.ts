import Type from 'typebox';
import { CANONICAL_CODES, type CanonicalCode } from './codes.ts';
import { Receipt } from './receipt.ts';
import { SpanId } from './lexical.ts';

export const Code = Type.Enum(Object.keys(CANONICAL_CODES) as CanonicalCode[]); // keys of the same table

/** One fault: where (JSON pointer into the span, `''` for the whole), what, and what to do. */
export const Detail = Type.Object(
  { code: Code, pointer: Type.String(), message: Type.String(), fix: Type.String() },
  { additionalProperties: false },
);
export type Detail = Type.Static<typeof Detail>;

const outcome = {
  trace_id: Type.String(),
  code: Code,
  http_status: Type.Integer(),
  details: Type.Array(Detail),
  errors: Type.Array(Type.String()),
  suggested_reply: Type.String(),
};

/** The span is a fact. `replayed`: it was one before this request. */
export const AckOk = Type.Object(
  {
    status: Type.Literal('ok'),
    this: SpanId,
    trace_id: Type.String(),
    receipt: Receipt,
    /** The verdict that committed with it, where the intent has one: its id, intent, and payload. */
    verdict: Type.Optional(
      Type.Object({
        this: SpanId,
        intent: Type.String(),
        payload: Type.Record(Type.String(), Type.Unknown()),
      }),
    ),
    replayed: Type.Optional(Type.Literal(true)),
  },
  { additionalProperties: false, $id: 'ack-ok' },
);
/** Something is missing; said in `missing_fields`, and `suggested_reply` makes the next try succeed. */
export const AckNeedMore = Type.Object(
  {
    status: Type.Literal('need_more'),
    ...outcome,
    missing_fields: Type.Array(Type.String()),
    why: Type.Optional(Type.Record(Type.String(), Type.String())),
    this: Type.Optional(SpanId),
  },
  { additionalProperties: false, $id: 'ack-need-more' },
);
/** No. `receipt` is the earlier one on a conflict, or the logged denial's. `current` is the head on a `prev` conflict. */
export const AckInvalid = Type.Object(
  {
    status: Type.Literal('invalid'),
    ...outcome,
    reason: Type.Optional(Type.String()),
    receipt: Type.Optional(Receipt),
    current: Type.Optional(Type.String()),
    this: Type.Optional(SpanId),
  },
  { additionalProperties: false, $id: 'ack-invalid' },
);
export const Ack = Type.Union([AckOk, AckNeedMore, AckInvalid], { $id: 'ack' });
export type AckOk = Type.Static<typeof AckOk>;
export type AckNeedMore = Type.Static<typeof AckNeedMore>;
export type AckInvalid = Type.Static<typeof AckInvalid>;
export type Ack = AckOk | AckNeedMore | AckInvalid;

/** RFC 9457 body of a request fault. `code` is canonical; `type` is a URI per code. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Code,
    trace_id: Type.String(),
    retryable: Type.Boolean(),
    reason: Type.Optional(Type.String()),
    fix: Type.Optional(Type.String()),
    /** RFC 3339; in 401 answers, so that a client can mend its clock. */
    server_time: Type.Optional(Type.String()),
    errors: Type.Optional(Type.Array(Type.Object({ detail: Type.String(), pointer: Type.String() }))),
    receipt: Type.Optional(Receipt),
  },
  { additionalProperties: false, $id: 'problem' },
);
export type Problem = Type.Static<typeof Problem>;

export type Language = 'en' | 'pt-BR';
