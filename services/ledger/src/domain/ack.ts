import {
  type Ack,
  type AckInvalid,
  CANONICAL_CODES,
  type CanonicalCode,
  type Detail,
  type Language,
  type Receipt,
} from '@logline/contracts';
import type { Entry } from './entry.ts';
import type { Outcome } from './sequence.ts';

/** The verdict that committed with a span. */
export type Verdict = Pick<Entry, 'this' | 'intent' | 'payload'>;
/** The receipt an outcome speaks of, and the verdict behind that entry where it has one. */
export type Proven = { readonly receipt: Receipt; readonly verdict: Verdict | undefined };

/** `this` is unknown only of a span that could not be read. */
export type Addressee = { readonly this?: string; readonly trace: string; readonly language: Language };

/** What the client is told once the entry is a fact: ok, or no where the verdict beside it says no (WIRE: a logged denial). */
export function toFactAck(to: Addressee, { receipt, verdict }: Proven, isReplay: boolean): Ack {
  const denial = verdict && denialOf(verdict);
  if (denial !== undefined) return { ...toNo(to, '403_FORBIDDEN', denial), receipt };
  return {
    status: 'ok',
    this: receipt.this,
    trace_id: to.trace,
    receipt,
    ...(verdict === undefined
      ? {}
      : { verdict: { this: verdict.this, intent: verdict.intent, payload: verdict.payload } }),
    ...(isReplay ? { replayed: true as const } : {}),
  };
}

export type Conflict = Extract<Outcome, { kind: 'span_exists' | 'payload_mismatch' }>;
export type Refusal = Exclude<Outcome, Conflict | { kind: 'appended' | 'replayed' | 'refused' | 'stale' }>;

/** Something else is there already; `receipt` proves it. */
export function toConflictAck(to: Addressee, { kind }: Conflict, receipt: Receipt): Ack {
  switch (kind) {
    case 'span_exists':
      return { ...toNo(to, '409_SPAN_EXISTS', [['/this', 'another span of this log has this id']]), receipt };
    case 'payload_mismatch':
      return {
        ...toNo(to, '409_IDEMPOTENCY_CONFLICT', [['', 'this idempotency key was used for another payload']]),
        reason: 'payload_mismatch',
        receipt,
      };
  }
}

export function toRefusalAck(to: Addressee, outcome: Refusal): Ack {
  switch (outcome.kind) {
    case 'nonce_reused':
      return toNo(to, '409_NONCE_REUSED', [['', 'this nonce was spent by another request']]);
    case 'moved': {
      const message =
        outcome.head === undefined
          ? 'the subject has no client-signed span yet'
          : `the head of the subject is ${outcome.head}`;
      const no = toNo(to, '409_PREV_CONFLICT', [['/prev', message]]);
      return outcome.head === undefined ? no : { ...no, current: outcome.head };
    }
    case 'starved':
      return toNo(to, '503_UNAVAILABLE', [['', 'what the verdict rests on kept changing']]);
    case 'late':
      return toNo(to, '503_UNAVAILABLE', [
        ['', 'the deadline passed before the span could be committed; it was not'],
      ]);
    case 'no_such_log':
      return toNo(to, '404_NOT_FOUND', [['/subject', 'unknown, or not yours']]);
    case 'misnamed': {
      const { origin, logKey, otherLogKey } = outcome.expected;
      const keys = otherLogKey === undefined ? logKey : `${logKey} or ${otherLogKey}`;
      return toNo(to, '422_SCHEMA_INVALID', [
        [
          '/payload/origin',
          `the log of this tenant would be ${origin}, and the ledger holds no other keys for it than ${keys}`,
          `set payload.origin to ${origin} and payload.log_key to ${keys}, sign and send again`,
        ],
      ]);
    }
    case 'untimely':
      return toNo(to, '422_SCHEMA_INVALID', [
        [
          '/payload',
          `the log key cannot be changed now: ${outcome.why}`,
          'read what the log says of its keys (logline query --intent registry.log.rotated), correct the payload, sign and send again',
        ],
      ]);
    case 'keyless':
      return toNo(to, '503_UNAVAILABLE', [
        [
          '',
          `the log is signed by ${outcome.key}, which the ledger does not hold`,
          'the operator gives the ledger that key back beside the new one (LOGLINE_LEDGER_NEXT_KEY_FILE) until every log was rotated; then send the same request again',
        ],
      ]);
  }
}

/** PostgreSQL cannot be reached, or refuses the batch: the outcome is unknown or ours to mend. */
export function toFailureAck(to: Addressee, code: '500_INTERNAL' | '503_UNAVAILABLE'): Ack {
  return toNo(to, code, [
    ['', code === '500_INTERNAL' ? 'the ledger could not take the span' : 'the outcome is unknown'],
  ]);
}

/** It is committed, and its receipt is not given out before a quorum of witnesses has cosigned a checkpoint that covers it. */
export function toUnwitnessedAck(to: Addressee): Ack {
  return toNo(to, '503_UNAVAILABLE', [
    ['', 'committed, and not yet cosigned by a quorum of witnesses: the receipt is given once it is'],
  ]);
}

/** Why a verdict says no; undefined when it does not. */
function denialOf({ payload }: Verdict): Fault[] | undefined {
  if (payload['decision'] !== 'deny' && payload['ok'] !== false) return undefined;
  const { reasons, why } = payload;
  const words = [...(Array.isArray(reasons) ? reasons : []), why].filter(
    (word): word is string => typeof word === 'string',
  );
  return (words.length === 0 ? ['denied'] : words).map((word) => ['/payload', word]);
}

type Fault = readonly [pointer: string, message: string, fix?: string];

function toNo(to: Addressee, code: CanonicalCode, faults: readonly Fault[]): AckInvalid {
  const details = faults.map(([pointer, message, fix]): Detail => ({
    code,
    pointer,
    message,
    fix: fix ?? CANONICAL_CODES[code].fix,
  }));
  return {
    status: 'invalid',
    code,
    http_status: CANONICAL_CODES[code].status,
    details,
    errors: details.map(({ message }) => message),
    suggested_reply: replyOf(code, to.language, details[0]?.fix ?? ''),
    trace_id: to.trace,
    ...(to.this === undefined ? {} : { this: to.this }),
  };
}

const PORTUGUESE: Partial<Record<CanonicalCode, string>> = {
  '403_FORBIDDEN':
    'O pedido foi negado e a negação está registrada; corrija o que os detalhes dizem e envie um novo.',
  '404_NOT_FOUND': 'Desconhecido, ou não é seu: confira o nome do tenant.',
  '409_IDEMPOTENCY_CONFLICT': 'Use uma nova Idempotency-Key para um novo conteúdo.',
  '409_NONCE_REUSED': 'Assine de novo com um novo X-Nonce.',
  '409_PREV_CONFLICT': 'Leia head em GET /v1/state/view, ponha em prev, assine e envie de novo.',
  '409_SPAN_EXISTS': 'Dê ao span um novo id em this, assine e envie de novo.',
  '422_SCHEMA_INVALID': 'Corrija o campo indicado, assine e envie de novo.',
  '500_INTERNAL': 'A falha é nossa; informe o trace_id.',
  '503_UNAVAILABLE': 'Envie o mesmo pedido de novo com a mesma Idempotency-Key.',
};

function replyOf(code: CanonicalCode, language: Language, fix: string): string {
  return (language === 'pt-BR' ? PORTUGUESE[code] : undefined) ?? `${CANONICAL_CODES[code].title}: ${fix}.`;
}
