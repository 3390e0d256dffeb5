import type { Language } from '@logline/contracts';
import { toNo, type No } from './reply.ts';
import { checkForm } from './statement-form.ts';

/**
 * What the gate would refuse in a span without looking at any log: for CLI and SDK, before they send. Null when it is well
 * formed; who may sign it and what it rests on is then still open.
 *
 * @param sizeBytes - of its canonical bytes
 */
export function checkSpan(
  span: unknown,
  sizeBytes: number,
  tenant: string,
  nowMs: number,
  language: Language,
): No | null {
  const form = checkForm(span, sizeBytes, tenant, nowMs);
  return form.statement === null ? toNo(form.faults, language, form.spanId) : null;
}
