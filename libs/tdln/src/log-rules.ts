import { CanonError, formatHex, parseBase64 } from '@logline/canon-sign';
import { parseInstant, type LogRotated } from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import type { Hearing } from './hearing.ts';
import { LOG_KEY, TENANT_KEY } from './keys.ts';
import { logKeyAt } from './knowledge.ts';
import { isSignedBy } from './signature.ts';
import { checkOperator, type OperatorKey } from './signer.ts';
import type { Statement } from './statement.ts';

/** What a rotation shows by itself: it is of this tenant's log, and the new key agrees (decision 0014). */
export function rotationFaults(payload: LogRotated, tenant: string): readonly Fault[] {
  const { origin, previous, log_key, from } = payload;
  const faults: Fault[] = [];
  if (!origin.endsWith(`/${tenant}`))
    faults.push(faultOf('log_name_differs', '/payload/origin', { wanted: `<ledger origin>/${tenant}` }));
  for (const [field, key] of Object.entries({ previous, log_key })) {
    if (!key.startsWith(`${origin}+`))
      faults.push(
        faultOf('log_name_differs', `/payload/${field}`, { wanted: `a verifier key named ${origin}` }),
      );
  }
  if (parseInstant(from) === null)
    faults.push(faultOf('no_such_time', '/payload/from', { example: '2027-01-31T12:00:00Z' }));
  const pub = publicKeyIn(log_key);
  if (pub === null || !isSignedBy('possession', payload, pub))
    faults.push(faultOf('log_possession_wrong', '/payload/possession', { key: log_key }));
  return faults;
}

/** One key follows another: the one in force is named, no other change is under way, and no key comes back. */
export function judgeRotation(
  hearing: Hearing,
  statement: Extract<Statement, { intent: 'registry.log.rotated' }>,
  operators: readonly OperatorKey[] | null,
): void {
  const { span, payload } = statement;
  const { knowledge, nowMs } = hearing;
  hearing.read(TENANT_KEY, LOG_KEY);
  checkOperator(hearing, span, operators);
  if (knowledge.log === null)
    return hearing.refuse(faultOf('tenant_unknown', '/subject', { tenant: knowledge.tenant }));
  const { origin, key: first } = knowledge.log;
  if (payload.origin !== origin)
    return hearing.refuse(faultOf('log_name_differs', '/payload/origin', { wanted: origin }));
  const pending = knowledge.rotations.findLast(({ fromMs }) => fromMs > nowMs);
  if (pending !== undefined) {
    hearing.refuse(faultOf('log_key_pending', '/payload/log_key', { key: pending.key }));
  } else {
    const inForce = logKeyAt(knowledge, nowMs) ?? first;
    if (payload.previous !== inForce)
      hearing.refuse(faultOf('log_name_differs', '/payload/previous', { wanted: inForce }));
  }
  if ([first, ...knowledge.rotations.map(({ key }) => key)].includes(payload.log_key))
    hearing.refuse(faultOf('log_key_used', '/payload/log_key', { key: payload.log_key }));
  // committed before the new key counts, or not at all: the rotation itself is vouched for by the key that everybody knows
  const fromMs = parseInstant(payload.from) ?? 0;
  if (fromMs <= nowMs) hearing.refuse(faultOf('exp_past', '/payload/from', {}));
  hearing.until(fromMs - 1);
}

/** The Ed25519 key in a verifier key, 64 hex; null when there is none. The ledger knows whether its id is right. */
function publicKeyIn(vkey: string): string | null {
  try {
    const bytes = parseBase64(vkey.slice(-44));
    return bytes.length === 33 && bytes[0] === ED25519 ? formatHex(bytes.subarray(1)) : null;
  } catch (fault) {
    if (fault instanceof CanonError) return null;
    throw fault;
  }
}
const ED25519 = 1;
