import { CanonError, parseCanonical, type LocalSigner } from '@logline/canon-sign';
import {
  checkerOf,
  GrantRevoke,
  INTENTS,
  isIntent,
  ProofSubmit,
  Span,
  type AcceptRequest,
  type JudgedSpan,
  type ServiceName,
} from '@logline/contracts';
import { mergeReads, toUnavailable, verdictSpan, verifyProof, type Knowledge } from '@logline/tdln';
import { VerifierError } from '../errors.ts';

const SERVICE: ServiceName = 'wallet-verifier';

const spanChecker = checkerOf(Span);
const proofChecker = checkerOf(ProofSubmit);
const grantChecker = checkerOf(GrantRevoke);

export type VerifyQuestion = {
  readonly request: AcceptRequest;
  /** In the request's order; none of its wallet spans has a verdict yet. */
  readonly bodies: readonly Uint8Array[];
  readonly knowledge: Knowledge;
  readonly signer: LocalSigner;
  readonly nowMs: number;
};

export type Verified = {
  readonly request: AcceptRequest;
  readonly bodies: readonly Uint8Array[];
  readonly allowed: number;
  readonly denied: number;
};

/** The log index that the gate knew when it judged: no verdict may know less, or the ledger would send it back. */
export function indexBehind({ spans }: AcceptRequest): number {
  return Math.max(-1, ...spans.flatMap((span) => Object.values(span.reads)));
}

/** The request with a signed verdict behind each wallet span that the gate let through; everything else as it came. */
export function verifyRequest(question: VerifyQuestion): Verified {
  const { request, bodies } = question;
  const judged: JudgedSpan[] = [];
  const out: Uint8Array[] = [];
  let [allowed, denied, at] = [0, 0, 0];
  for (const span of request.spans) {
    const own = bodies.slice(at, (at += span.verdict_length > 0 ? 2 : 1));
    const verdict = verdictOn(question, span, own);
    if (verdict?.decision === 'allow') allowed++;
    if (verdict?.decision === 'deny') denied++;
    judged.push(verdict?.span ?? span);
    out.push(...own, ...(verdict === null || verdict.bytes === null ? [] : [verdict.bytes]));
  }
  return { request: { ...request, spans: judged }, bodies: out, allowed, denied };
}

type Verdict = {
  readonly decision: 'allow' | 'deny' | null;
  readonly span: JudgedSpan;
  readonly bytes: Uint8Array | null;
};

/** Null when this span needs none of ours. */
function verdictOn(
  question: VerifyQuestion,
  span: JudgedSpan,
  [body, earlier]: readonly Uint8Array[],
): Verdict | null {
  if (body === undefined || earlier !== undefined || span.no !== undefined) return null;
  const cause = parseSpan(body);
  const rule = isIntent(cause.intent) ? INTENTS[cause.intent] : null;
  if (rule === null || !('verdict' in rule) || rule.verdict.service !== SERVICE) return null;
  if (!mayWriteVerdicts(question)) return unavailable(question, span);
  return proofChecker.check(cause.payload)
    ? onProof(question, span, cause, cause.payload)
    : onGrant(question, span, cause);
}

function onProof(
  { knowledge, signer, nowMs }: VerifyQuestion,
  span: JudgedSpan,
  cause: Span,
  { proof }: ProofSubmit,
): Verdict {
  const { decision, reasons, reads, validUntilMs } = verifyProof(proof, knowledge, nowMs);
  const payload = { kind: 'wallet/proof-verdict.v1', cause: cause.this, proof: proof.id, decision, reasons };
  const { bytes } = verdictSpan(cause, 'wallet.proof.verified', payload, { service: SERVICE, signer });
  // a denial is a fact that changes nothing and never expires
  const until = [span.valid_until_ms, decision === 'allow' ? validUntilMs : undefined].filter(
    (ms) => ms !== undefined,
  );
  return {
    decision,
    bytes,
    span: {
      ...span,
      verdict_length: bytes.length,
      reads: mergeReads(span.reads, reads),
      writes: decision === 'allow' ? span.writes : [],
      ...(until.length === 0 ? {} : { valid_until_ms: Math.min(...until) }),
    },
  };
}

/** Taking a grant back is always allowed to who may sign it, which the gate has judged. */
function onGrant({ signer }: VerifyQuestion, span: JudgedSpan, cause: Span): Verdict {
  if (!grantChecker.check(cause.payload))
    throw new VerifierError('NOT_A_SPAN', 'a wallet span without its payload');
  const payload = { kind: 'wallet/grant-revoked.v1', cause: cause.this, grant: cause.payload.grant };
  const { bytes } = verdictSpan(cause, 'wallet.grant.revoked', payload, { service: SERVICE, signer });
  return { decision: 'allow', bytes, span: { ...span, verdict_length: bytes.length } };
}

/** Readers check verdicts by the keys the tenant was born with; one signed by another key would poison its log. */
function mayWriteVerdicts({ knowledge, signer }: VerifyQuestion): boolean {
  const key = knowledge.keys.get(signer.kid);
  return key?.role === 'service' && key.name === SERVICE && key.status === 'active';
}

function unavailable({ request, signer }: VerifyQuestion, span: JudgedSpan): Verdict {
  const no = toUnavailable(
    `the verifier's key ${signer.kid} is not the one this tenant knows`,
    request.language,
  );
  return {
    decision: null,
    bytes: null,
    span: { ...span, writes: [], no: { ...no, trace_id: request.trace } },
  };
}

/** @throws VerifierError `NOT_A_SPAN` */
function parseSpan(bytes: Uint8Array): Span {
  try {
    const value = parseCanonical(bytes);
    if (spanChecker.check(value)) return value;
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new VerifierError('NOT_A_SPAN', 'the gate passed on bytes that are not canonical JSON', { cause });
  }
  throw new VerifierError('NOT_A_SPAN', 'the gate passed on what is no span');
}
