import Type from 'typebox';
import { Id, Instant, Name, Ref, SignatureBase64, SubjectUrn } from './lexical.ts';

export const PROOF_INTENTS = ['deploy.allow', 'deploy.stop', 'deploy.rollback'] as const;
/** `exp − iat` at most (protocol §9). */
export const MAX_PROOF_MS = 15 * 60_000;

/** `ll.proof.v1`: a single-use permission, signed by a wallet. `ref` is required for apply and rollback. `sig` covers all but itself. */
export const Proof = Type.Object(
  {
    type: Type.Literal('ll.proof.v1'),
    id: Id,
    tenant: Name,
    intent: Type.Enum(PROOF_INTENTS),
    subject: SubjectUrn,
    ref: Type.Optional(Ref),
    /** Kids that may use the proof beside its own. */
    aud: Type.Optional(Type.Array(Id, { maxItems: 16 })),
    single_use: Type.Literal(true),
    nonce: Type.String({ pattern: '^[A-Za-z0-9._-]{16,64}$' }),
    iat: Instant,
    exp: Instant,
    kid: Id,
    sig: SignatureBase64,
  },
  { additionalProperties: false, $id: 'proof' },
);
export type Proof = Type.Static<typeof Proof>;
export type ProofIntent = (typeof PROOF_INTENTS)[number];
