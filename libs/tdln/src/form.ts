import { MAX_SPAN_BYTES } from '@logline/canon-sign';
import {
  checkerOf,
  formatInstant,
  INTENTS,
  isIntent,
  isName,
  parseInstant,
  parseSubject,
  RESERVED_NAMES,
  Span,
  type Intent,
  type Subject,
} from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import { nullFaults, toFault } from './schema-faults.ts';
import { payloadChecker } from './statement.ts';

const spanChecker = checkerOf(Span);

/** A client's clock may be this far off, or its span this old (protocol §8). */
const OLDEST_MS = 15 * 60_000;
const FARTHEST_AHEAD_MS = 2 * 60_000;

export type SpanForm = { readonly span: Span; readonly subject: Subject; readonly faults: readonly Fault[] };

/**
 * What any span must be, whoever wrote it: known fields, a known intent about the right kind of subject of this tenant.
 * `span` is null where it is too broken to say more.
 */
export function checkSpanForm(
  value: unknown,
  bytes: number,
  tenant: string,
): SpanForm | { readonly span: null; readonly faults: readonly Fault[] } {
  if (bytes > MAX_SPAN_BYTES)
    return { span: null, faults: [faultOf('too_large', '', { bytes: String(bytes) })] };
  const nulls = nullFaults(value, '');
  if (nulls.length > 0) return { span: null, faults: nulls };
  if (!spanChecker.check(value))
    return { span: null, faults: spanChecker.faults(value).map((fault) => toFault(fault, '')) };
  const span = value;
  const faults: Fault[] = [];
  if (!isIntent(span.intent)) {
    faults.push(
      faultOf('intent_unknown', '/intent', { intent: span.intent, nearest: nearestIntent(span.intent) }),
    );
  }
  if (parseInstant(span.ts) === null)
    faults.push(faultOf('no_such_time', '/ts', { example: '2026-01-31T12:00:00Z' }));
  const subject = subjectOf(span.subject);
  if (subject === null) {
    faults.push(subjectFault(span.subject, tenant, '/subject'));
    return { span: null, faults };
  }
  if (subject.tenant !== tenant) {
    faults.push(faultOf('tenant_differs', '/subject', { named: subject.tenant, tenant }));
  } else if (isIntent(span.intent) && INTENTS[span.intent].subject !== subject.kind) {
    faults.push(subjectKindFault(span.intent, tenant));
  }
  return { span, subject, faults };
}

/** What the payload of this intent must be; a missing payload is an empty one. */
export function checkPayloadForm(intent: Intent, payload: unknown): readonly Fault[] {
  if (payload === undefined) return [faultOf('field_missing', '/payload', {})];
  return payloadChecker(intent)
    .faults(payload)
    .map((fault) => toFault(fault, '/payload'));
}

/** A client's span is about now; services and runners may tell late what happened early. */
export function checkTimeWindow(span: Span, submittedMs: number): readonly Fault[] {
  const ms = parseInstant(span.ts);
  if (ms !== null && ms >= submittedMs - OLDEST_MS && ms <= submittedMs + FARTHEST_AHEAD_MS) return [];
  return [faultOf('ts_out_of_window', '/ts', { now: formatInstant(submittedMs) })];
}

/** The parts of a subject; null when it is none. */
export function subjectOf(urn: string): Subject | null {
  try {
    return parseSubject(urn);
  } catch {
    return null; // the only thing it throws is BAD_SUBJECT
  }
}

function subjectFault(urn: string, tenant: string, pointer: string): Fault {
  const reserved = urn
    .split(/[:/]/)
    .slice(2)
    .find((word) => RESERVED_NAMES.has(word));
  return reserved === undefined
    ? faultOf('subject_malformed', pointer, { tenant: isName(tenant) ? tenant : '<tenant>' })
    : faultOf('name_reserved', pointer, { name: reserved });
}

function subjectKindFault(intent: Intent, tenant: string): Fault {
  const wanted = INTENTS[intent].subject;
  const example = wanted === 'tenant' ? `urn:tenant:${tenant}` : `urn:${wanted}:${tenant}/<name>`;
  return faultOf('subject_kind', '/subject', { intent, wanted, example });
}

/** The intent one would have meant: the fewest letters to change. */
function nearestIntent(intent: string): string {
  const intents = Object.keys(INTENTS);
  const distances = intents.map((known) => [distance(intent, known), known] as const);
  return distances.reduce((best, next) => (next[0] < best[0] ? next : best), [Infinity, ''] as const)[1];
}

/** Levenshtein; both texts are short. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
