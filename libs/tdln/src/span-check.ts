import type { Language } from '@logline/contracts';
import { toNo, type No } from './reply.ts';
import { checkForm } from './statement-form.ts';

/**
 * What the gate would refuse in a span without looking at any log: for CLI and SDK, before they send. Null when it is well
 * formed; who may sign it and what it rests on is then still open.
 *
 * @param bytes - its canonical ones
 */
export function checkSpan(
  span: unknown,
  bytes: Uint8Array,
  tenant: string,
  nowMs: number,
  language: Language,
): No | null {
  const form = checkForm(span, bytes, tenant, nowMs);
  return form.statement === null ? toNo(form.faults, language, form.spanId) : null;
}
