import type { JudgedSpan, Language } from '@logline/contracts';
import { Hearing } from './hearing.ts';
import { judge } from './judge.ts';
import { grantKey, manifestKey, proofKey, proofsKey, refKey } from './keys.ts';
import type { Knowledge } from './knowledge.ts';
import { hashManifestIn, refOf } from './manifest-ref.ts';
import { toNo, type No } from './reply.ts';
import type { Asker, OperatorKey } from './signer.ts';
import type { Statement } from './statement.ts';
import { checkForm } from './statement-form.ts';
import { writesOf } from './writes.ts';

export type ValidateInput = {
  /** The value of `bytes`. */
  readonly span: unknown;
  /** Its canonical bytes, as they will be logged. */
  readonly bytes: Uint8Array;
  readonly caller: Asker;
  /** Of the tenant that the request is for. */
  readonly knowledge: Knowledge;
  readonly installation: { readonly operatorKeys: readonly OperatorKey[] };
  readonly nowMs: number;
  /** When the request first came in; rechecks keep it. */
  readonly submittedMs: number;
  readonly language: Language;
};

export type VerdictOk = {
  readonly outcome: 'ok';
  readonly role: JudgedSpan['role'];
  /** What the yes rests on: key → index up to which the log is known. */
  readonly reads: Readonly<Record<string, number>>;
  /** What the span changes when it is logged, its verdict included. */
  readonly writes: readonly string[];
  /** The yes holds while log time is not past this; undefined when nothing it rests on expires. */
  readonly validUntilMs: number | undefined;
};
export type VerdictNo = {
  readonly outcome: 'no';
  /** False: no log could ever change it, answer at once. True: the ledger answers it if the reads still hold. */
  readonly restsOnKnowledge: boolean;
  readonly ack: No;
  readonly reads: Readonly<Record<string, number>>;
};
export type Verdict = VerdictOk | VerdictNo;

/**
 * The gate: whether this span may become a fact, or exactly what is missing. Pure, deterministic, and never throws on a value
 * that came out of a JSON parser (protocol §1–§4, §8, §9).
 */
export function validate(input: ValidateInput): Verdict {
  const { knowledge, language } = input;
  const form = checkForm(input.span, input.bytes, knowledge.tenant, input.submittedMs);
  if (form.statement === null) {
    return {
      outcome: 'no',
      restsOnKnowledge: false,
      ack: toNo(form.faults, language, form.spanId),
      reads: {},
    };
  }
  // hashed from the bytes as they came, before anybody asks for it
  if (form.statement.intent === 'minicontainer.apply' && 'manifest' in form.statement.payload)
    hashManifestIn(input.bytes, form.statement.payload.manifest);
  const hearing = new Hearing(knowledge, input.nowMs);
  const role = judge(hearing, form, input.caller, input.installation.operatorKeys);
  if (hearing.faults.length > 0 || role === null) {
    return {
      outcome: 'no',
      restsOnKnowledge: true,
      ack: toNo(hearing.faults, language, form.span.this),
      reads: hearing.reads,
    };
  }
  return {
    outcome: 'ok',
    role,
    reads: hearing.reads,
    writes: committedWrites(form.statement, knowledge),
    validUntilMs: hearing.validUntilMs,
  };
}

/** What changes when the span commits: of a cause with a verdict, what its verdict will change if it is favourable. */
function committedWrites(statement: Statement, knowledge: Knowledge): readonly string[] {
  const { subject } = statement.span;
  switch (statement.intent) {
    case 'minicontainer.apply': {
      const ref = 'manifest' in statement.payload ? refOf(subject, statement.payload.manifest) : null;
      return ref === null ? [] : [manifestKey(subject), refKey(ref)];
    }
    case 'wallet.proof.submit':
      return [proofKey(statement.payload.proof.id), proofsKey(subject)];
    case 'wallet.grant.revoke':
      return [grantKey(subject, statement.payload.grant)];
    default:
      return writesOf(statement.span, knowledge);
  }
}
