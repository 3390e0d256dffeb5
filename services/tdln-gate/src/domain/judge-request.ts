import {
  CanonError,
  MAX_SPAN_BYTES,
  parseCanonical,
  type JsonValue,
  type LocalSigner,
} from '@logline/canon-sign';
import {
  INTENTS,
  isIntent,
  type Ack,
  type AcceptRequest,
  type Caller,
  type JudgedSpan,
  type Span,
  type SubmitRequest,
} from '@logline/contracts';
import {
  refOf,
  toUnavailable,
  toUnreadable,
  validate,
  verdictSpan,
  type Knowledge,
  type No,
  type OperatorKey,
  type Verdict,
} from '@logline/tdln';

export type PositionedAck = { readonly position: number; readonly ack: Ack };

export type Question = {
  readonly request: SubmitRequest;
  /** Of its spans, in order. */
  readonly bodies: readonly Uint8Array[];
  readonly caller: Caller;
  readonly knowledge: Knowledge;
  readonly operatorKeys: readonly OperatorKey[];
  /** The gate's own key, for the verdicts it writes. */
  readonly signer: LocalSigner;
  readonly nowMs: number;
  readonly submittedMs: number;
  readonly deadlineMs: number;
};

export type Judgement = {
  /** Answers that no log could change: they go to the caller at once. */
  readonly answered: readonly PositionedAck[];
  /** What goes on, with all that rests on knowledge, a no too; null when nothing does. */
  readonly request: AcceptRequest | null;
  readonly bodies: readonly Uint8Array[];
  /** Whether some span of it needs a verdict of the wallet-verifier. The whole request goes there, so that order is kept. */
  readonly goesToVerifier: boolean;
};

type Judged = {
  readonly span: JudgedSpan;
  readonly bodies: readonly Uint8Array[];
  readonly goesToVerifier: boolean;
};

/** Judges a request's spans, each for itself and in order, against one and the same knowledge. */
export function judgeRequest(question: Question): Judgement {
  const { request, bodies, caller, submittedMs, deadlineMs } = question;
  const answered: PositionedAck[] = [];
  const judged: Judged[] = [];
  for (const [i, { position }] of request.spans.entries()) {
    const answer = judgeSpan(question, position, bodies[i] ?? new Uint8Array());
    if ('ack' in answer) answered.push(answer);
    else judged.push(answer);
  }
  const { trace, reply, tenant, language, recheck } = request;
  const accepted: AcceptRequest | null =
    judged.length === 0
      ? null
      : {
          trace,
          reply,
          tenant,
          language,
          caller,
          submitted_ms: submittedMs,
          deadline_ms: deadlineMs,
          attempt: recheck?.attempt ?? 0,
          spans: judged.map(({ span }) => span),
        };
  return {
    answered,
    request: accepted,
    bodies: judged.flatMap((one) => one.bodies),
    goesToVerifier: judged.some((one) => one.goesToVerifier),
  };
}

function judgeSpan(question: Question, position: number, bytes: Uint8Array): PositionedAck | Judged {
  const { request, caller, knowledge, operatorKeys, nowMs, submittedMs } = question;
  const { language, trace } = request;
  const toAck = (no: No): PositionedAck => ({ position, ack: { ...no, trace_id: trace } });
  let value: JsonValue;
  try {
    value = parseCanonical(bytes, { maxBytes: MAX_SPAN_BYTES });
  } catch (fault) {
    if (fault instanceof CanonError) return toAck(toUnreadable(fault, language));
    throw fault;
  }
  const verdict = validate({
    span: value,
    bytes,
    caller,
    knowledge,
    installation: { operatorKeys },
    nowMs,
    submittedMs,
    language,
  });
  if (verdict.outcome === 'no') {
    const no = toAck(verdict.ack);
    return verdict.restsOnKnowledge ? toJudgedNo(no, bytes, verdict.reads) : no;
  }
  const span = value as unknown as Span; // parse boundary: validate has just taken it for one
  if (needsOwnVerdict(span) && !mayWriteVerdicts(question)) {
    return toAck(
      toUnavailable(`the gate's key ${question.signer.kid} is not the one this tenant knows`, language),
    );
  }
  return toJudged(question, position, span, bytes, verdict);
}

function toJudgedNo(
  { position, ack }: PositionedAck,
  bytes: Uint8Array,
  reads: Readonly<Record<string, number>>,
): Judged {
  const span: JudgedSpan = {
    position,
    length: bytes.length,
    verdict_length: 0,
    role: 'client',
    reads: { ...reads },
    writes: [],
    no: ack,
  };
  return { span, bodies: [bytes], goesToVerifier: false };
}

function toJudged(
  { signer }: Question,
  position: number,
  span: Span,
  bytes: Uint8Array,
  { role, reads, writes, validUntilMs }: Extract<Verdict, { outcome: 'ok' }>,
): Judged {
  const verdict = needsOwnVerdict(span) ? verdictOf(span, signer) : null;
  const judged: JudgedSpan = {
    position,
    length: bytes.length,
    verdict_length: verdict?.length ?? 0,
    role,
    reads: { ...reads },
    writes: [...writes],
    ...(validUntilMs === undefined ? {} : { valid_until_ms: validUntilMs }),
  };
  return {
    span: judged,
    bodies: verdict === null ? [bytes] : [bytes, verdict],
    goesToVerifier: verdictService(span) === 'wallet-verifier',
  };
}

function verdictService({ intent }: Span): string | null {
  const rule = isIntent(intent) ? INTENTS[intent] : null;
  return rule !== null && 'verdict' in rule ? rule.verdict.service : null;
}

function needsOwnVerdict(span: Span): boolean {
  return verdictService(span) === 'tdln-gate';
}

/** Readers check verdicts by the keys the tenant was born with; one signed by another key would poison its log. */
function mayWriteVerdicts({ knowledge, signer }: Question): boolean {
  const key = knowledge.keys.get(signer.kid);
  return key?.role === 'service' && key.name === 'tdln-gate' && key.status === 'active';
}

/** `minicontainer.applied`, the one verdict the gate itself writes. */
function verdictOf(cause: Span, signer: LocalSigner): Uint8Array {
  const { manifest } = cause.payload as { manifest: Parameters<typeof refOf>[1] }; // its schema was checked by validate
  const payload = {
    kind: 'minicontainer/applied.v1',
    cause: cause.this,
    ok: true,
    ref: refOf(cause.subject, manifest),
  };
  return verdictSpan(cause, 'minicontainer.applied', payload, { service: 'tdln-gate', signer }).bytes;
}
