import { isSpanId } from '@logline/canon-sign';
import { INTENTS, isIntent, parseInstant, type Intent, type Span } from '@logline/contracts';
import { applyFormFaults } from './apply-rules.ts';
import type { Fault } from './fault.ts';
import { checkPayloadForm, checkSpanForm, checkTimeWindow } from './form.ts';
import { proofFormFaults, refSubjectFaults } from './proof-check.ts';
import { registryFormFaults } from './registry-rules.ts';
import { isShortRef } from './short-ref.ts';
import { toStatement, type Statement } from './statement.ts';

export type ShortRef = { readonly text: string; readonly at: string };
export type WholeForm = {
  /** As it was signed. */
  readonly span: Span;
  /** Its canonical ones. */
  readonly bytes: Uint8Array;
  /** The same with its payload typed, and with a stand-in where a ref was short. */
  readonly statement: Statement;
  readonly shortRef: ShortRef | null;
};
export type BrokenForm = {
  readonly statement: null;
  readonly faults: readonly Fault[];
  readonly spanId: string | undefined;
};

/**
 * Everything a span shows by itself: schema, subject, tenant, time, size, and what its payload must be. No log is looked at.
 *
 * @param bytes - the canonical ones of `value`
 * @param submittedMs - the time a client's `ts` must be near; null for a span already logged
 */
export function checkForm(
  value: unknown,
  bytes: Uint8Array,
  tenant: string,
  submittedMs: number | null,
): WholeForm | BrokenForm {
  const form = checkSpanForm(value, bytes.length, tenant);
  if (form.span === null) return { statement: null, faults: form.faults, spanId: spanIdIn(value) };
  const { span } = form;
  const faults = [...form.faults];
  if (!isIntent(span.intent)) return { statement: null, faults, spanId: span.this };
  if (submittedMs !== null && isTimely(span.intent) && parseInstant(span.ts) !== null)
    faults.push(...checkTimeWindow(span, submittedMs));
  const { statement, shortRef, faults: inPayload } = checkStatement(span, span.intent, tenant);
  faults.push(...inPayload);
  if (statement === null || faults.length > 0) return { statement: null, faults, spanId: span.this };
  return { span, bytes, statement, shortRef };
}

function spanIdIn(value: unknown): string | undefined {
  const id: unknown = typeof value === 'object' && value !== null && 'this' in value ? value.this : undefined;
  return typeof id === 'string' && isSpanId(id) ? id : undefined;
}

/** Clients and operators speak of now; services and runners may report late (protocol §8). */
function isTimely(intent: Intent): boolean {
  const { role } = INTENTS[intent].signedBy;
  return role === 'client' || role === 'operator';
}

function checkStatement(
  span: Span,
  intent: Intent,
  tenant: string,
): {
  readonly statement: Statement | null;
  readonly shortRef: ShortRef | null;
  readonly faults: readonly Fault[];
} {
  const { payload = {}, subject } = span;
  if (intent === 'minicontainer.apply') {
    const faults = applyFormFaults(payload, tenant, subject);
    if (faults.length > 0) return { statement: null, shortRef: null, faults };
  }
  const shortRef = shortRefIn(payload);
  // the rest of the payload is checked as if the ref were whole
  const checked = shortRef === null ? span : withRef(span, shortRef.at);
  const statement = toStatement(checked);
  if (statement === null)
    return { statement: null, shortRef, faults: checkPayloadForm(intent, checked.payload) };
  return { statement, shortRef, faults: payloadFaults(statement, tenant, shortRef === null) };
}

function payloadFaults(statement: Statement, tenant: string, isWhole: boolean): readonly Fault[] {
  const { subject } = statement.span;
  switch (statement.intent) {
    case 'wallet.proof.submit':
      return isWhole ? proofFormFaults(statement.payload.proof, tenant, subject, '/payload/proof') : [];
    case 'deploy.apply':
      return isWhole ? refSubjectFaults(statement.payload.ref, subject, '/payload/ref') : [];
    default:
      return registryFormFaults(statement, tenant);
  }
}

const WHOLE_REF = `mc:t/n@blake3:${'0'.repeat(64)}`;

function shortRefIn(payload: Readonly<Record<string, unknown>>): ShortRef | null {
  const { ref, proof } = payload;
  if (isShortRef(ref)) return { text: ref, at: '/payload/ref' };
  if (typeof proof === 'object' && proof !== null && 'ref' in proof && isShortRef(proof.ref)) {
    return { text: proof.ref, at: '/payload/proof/ref' };
  }
  return null;
}

function withRef(span: Span, at: string): Span {
  const { payload = {} } = span;
  if (at === '/payload/ref') return { ...span, payload: { ...payload, ref: WHOLE_REF } };
  return { ...span, payload: { ...payload, proof: { ...Object(payload['proof']), ref: WHOLE_REF } } };
}
