import Type from 'typebox';
import { Instant, Signature, SpanId, SubjectUrn } from './lexical.ts';

export const ENTITY_TYPES = ['contract', 'function', 'decision', 'agent', 'law', 'file', 'test'] as const;

/** The unit of everything: one signed statement (protocol §8). `ll.span.v1`. */
export const Span = Type.Object(
  {
    schema_version: Type.Literal('1.1.0'),
    entity_type: Type.Enum(ENTITY_TYPES),
    this: SpanId,
    /** Last client-signed span of the subject; optimistic concurrency when given. */
    prev: Type.Optional(SpanId),
    did: Type.Object(
      { actor: Type.String({ minLength: 1, maxLength: 256 }), action: Type.Literal('append') },
      { additionalProperties: false },
    ),
    intent: Type.String({ pattern: '^[a-z_]+(\\.[a-z_]+){1,3}$', maxLength: 64 }),
    subject: SubjectUrn,
    input: Type.Optional(
      Type.Object(
        {
          args: Type.Optional(Type.Array(Type.Unknown())),
          env: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
          content: Type.Optional(Type.String()),
          bytes_b64: Type.Optional(Type.String()),
        },
        { additionalProperties: false },
      ),
    ),
    payload: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    output: Type.Optional(
      Type.Object({
        stdout: Type.Optional(Type.String()),
        stderr: Type.Optional(Type.String()),
        exit_code: Type.Optional(Type.Integer()),
      }),
    ),
    ts: Instant,
    signature: Signature,
  },
  { additionalProperties: false, $id: 'span' },
);
export type Span = Type.Static<typeof Span>;
export type UnsignedSpan = Omit<Span, 'signature'>;
