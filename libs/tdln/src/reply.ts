import {
  CANONICAL_CODES,
  type AckInvalid,
  type AckNeedMore,
  type CanonicalCode,
  type Language,
} from '@logline/contracts';
import type { Fault } from './fault.ts';

/** A no, but for the trace id, which belongs to the request. */
export type No = Omit<AckNeedMore, 'trace_id'> | Omit<AckInvalid, 'trace_id'>;

const MOST_REPLIES = 6;
/** One answer stays small, whatever a stranger sent. */
const MOST_DETAILS = 32;

/** The answer that says all faults: need_more when adding things is enough, else invalid with the gravest code. */
export function toNo(all: readonly Fault[], language: Language, spanId?: string): No {
  const faults = all.slice(0, MOST_DETAILS);
  const gravest = faults.reduce<Fault | null>(
    (worst, fault) => (worst === null || weight(fault) > weight(worst) ? fault : worst),
    null,
  );
  const code: CanonicalCode = gravest?.detail.code ?? '500_INTERNAL';
  const outcome = {
    code,
    http_status: CANONICAL_CODES[code].status,
    details: faults.map((fault) => fault.detail),
    errors: faults.map(({ detail }) => `${detail.code} ${detail.pointer} ${detail.message}`),
    suggested_reply: suggestedReply(faults, language),
    ...(spanId === undefined ? {} : { this: spanId }),
  };
  if (faults.length > 0 && faults.every((fault) => fault.kind === 'missing')) {
    return {
      status: 'need_more',
      ...outcome,
      code: '422_SCHEMA_INVALID',
      http_status: 422,
      missing_fields: faults.map(({ detail }) => detail.pointer),
      why: Object.fromEntries(faults.map(({ detail }) => [detail.pointer, detail.message])),
    };
  }
  return { status: 'invalid', ...outcome, ...(gravest === null ? {} : { reason: gravest.name }) };
}

/** What to do, in order, in the reader's language; each thing once. */
export function suggestedReply(faults: readonly Fault[], language: Language): string {
  const fixes = [...new Set(faults.map((fault) => fault.fixes[language]))];
  const shown = fixes.slice(0, MOST_REPLIES);
  const left = fixes.length - shown.length;
  const more = language === 'pt-BR' ? `; e mais ${left} em details` : `; and ${left} more in details`;
  const text = shown.join('; ') + (left > 0 ? more : '');
  return text === '' ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Which of several faults names the answer: who you are, then what you may, then what you said. */
const GRAVITY: readonly CanonicalCode[] = [
  '422_SCHEMA_INVALID',
  '422_SIGNATURE_INVALID',
  '428_PROOF_REQUIRED',
  '404_NOT_FOUND',
  '403_FORBIDDEN',
  '401_UNAUTHORIZED',
  '400_BAD_REQUEST',
  '413_TOO_LARGE',
  '503_UNAVAILABLE',
];

function weight({ kind, detail }: Fault): number {
  return (kind === 'wrong' ? 100 : 0) + GRAVITY.indexOf(detail.code);
}
