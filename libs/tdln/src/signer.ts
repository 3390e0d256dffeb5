import {
  formatInstant,
  hasScope,
  INTENTS,
  runnerUser,
  type Caller,
  type Intent,
  type SignedBy,
  type Span,
} from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import type { Hearing } from './hearing.ts';
import { kidKey, manifestKey, TENANT_KEY, tokenKey } from './keys.ts';
import { currentManifest, type KeyEntry, type Knowledge } from './knowledge.ts';
import { isSignedBy, isSpanSignedBy } from './signature.ts';

/** On whose behalf a span comes; `unchecked` where the signer is not yet, or no longer, a caller: a client's own check, a logged fact. */
export type Asker = Caller | { readonly kind: 'unchecked' };

/** The operator's public keys, from the installation's own configuration. */
export type OperatorKey = { readonly kid: string; readonly pub: string };

/**
 * Finds the key that signed, and whether it may: registered, active, not expired, its signature true, its role and scopes
 * those of the intent (protocol §3, §9). Null when it may not; the reasons are in the hearing.
 */
export function identifySigner(
  hearing: Hearing,
  span: Span,
  bytes: Uint8Array,
  intent: Intent,
): KeyEntry | null {
  const { knowledge } = hearing;
  const { kid } = span.signature;
  hearing.read(TENANT_KEY, kidKey(kid));
  if (knowledge.root === null)
    return refuse(hearing, faultOf('tenant_unknown', '/subject', { tenant: knowledge.tenant }));
  const key = knowledge.keys.get(kid);
  if (key === undefined)
    return refuse(hearing, faultOf('kid_unknown', '/signature/kid', { kid, tenant: knowledge.tenant }));
  if (!isSpanSignedBy(span, bytes, key.pub))
    return refuse(hearing, faultOf('signature_wrong', '/signature/sig', { kid }));
  const standing = keyFault(key, hearing.nowMs, '/signature/kid');
  if (standing !== null) return refuse(hearing, standing);
  hearing.until(key.expMs);
  const { signedBy } = INTENTS[intent];
  const role = roleFault(key, signedBy, intent);
  if (role !== null) return refuse(hearing, role);
  if (signedBy.role === 'client' && !hasScope(key.scopes, signedBy.scope)) {
    return refuse(hearing, faultOf('scope_missing', '/signature/kid', { kid, scope: signedBy.scope }));
  }
  return key;
}

/** An operator of this installation signed it; not looked at when `operators` is null. */
export function checkOperator(hearing: Hearing, span: Span, operators: readonly OperatorKey[] | null): void {
  if (operators === null) return;
  const { kid } = span.signature;
  const operator = operators.find((key) => key.kid === kid);
  if (operator === undefined) hearing.refuse(faultOf('operator_unknown', '/signature/kid', { kid }));
  else if (!isSignedBy('span', span, operator.pub))
    hearing.refuse(faultOf('signature_wrong', '/signature/sig', { kid }));
}

/** Why a key cannot sign now; null when it can. */
export function keyFault(key: KeyEntry, nowMs: number, pointer: string): Fault | null {
  if (key.status !== 'active') return faultOf('kid_revoked', pointer, { kid: key.kid });
  if (key.expMs !== null && nowMs > key.expMs) {
    return faultOf('kid_expired', pointer, { kid: key.kid, exp: formatInstant(key.expMs) });
  }
  return null;
}

function roleFault(key: KeyEntry, signedBy: SignedBy, intent: Intent): Fault | null {
  if (isRole(key, signedBy)) return null;
  return faultOf('role_wrong', '/signature/kid', {
    intent,
    kid: key.kid,
    wanted: wantedRole(signedBy),
    actual: actualRole(key),
  });
}

function isRole(key: KeyEntry, signedBy: SignedBy): boolean {
  switch (signedBy.role) {
    case 'operator':
      return false;
    case 'client':
      return key.role === 'client';
    case 'service':
      return key.role === 'service' && key.name === signedBy.service;
    case 'runner':
      return key.role === 'runner';
    case 'service-or-runner':
      return key.role === 'runner' || (key.role === 'service' && key.name === signedBy.service);
  }
}

function wantedRole(signedBy: SignedBy): string {
  switch (signedBy.role) {
    case 'operator':
      return 'the operator';
    case 'client':
      return 'a client';
    case 'service':
      return `the service ${signedBy.service}`;
    case 'runner':
      return 'a runner';
    case 'service-or-runner':
      return `the service ${signedBy.service} or a runner`;
  }
}

export function actualRole(key: KeyEntry): string {
  return key.role === 'client' ? 'a client' : `the ${key.role} ${key.name}`;
}

/**
 * Whether the asker may send this signer's span: clients by an API token whose scopes cover the intent, services and runners
 * by their own connection. What a request may do is what the key may and the token may (protocol §3).
 */
export function checkAsker(hearing: Hearing, asker: Asker, key: KeyEntry, intent: Intent): void {
  if (asker.kind === 'unchecked') return;
  if (key.role !== 'client') {
    const user = key.role === 'service' ? key.name : runnerUser(hearing.knowledge.tenant, key.name);
    if (asker.kind !== 'own' || asker.user !== user) {
      hearing.refuse(
        faultOf('wrong_door', '/signature/kid', {
          role: key.role,
          way: `send it over NATS as the user ${user}`,
        }),
      );
    }
    return;
  }
  if (asker.kind !== 'token') {
    hearing.refuse(
      faultOf('wrong_door', '/signature/kid', {
        role: key.role,
        way: 'send it to POST /v1/spans with an API token',
      }),
    );
    return;
  }
  const { signedBy } = INTENTS[intent];
  if (signedBy.role === 'client') checkToken(hearing, asker.token, signedBy.scope);
}

function checkToken(hearing: Hearing, tokenId: string, scope: string): void {
  const { knowledge, nowMs } = hearing;
  hearing.read(tokenKey(tokenId));
  const token = knowledge.tokens.get(tokenId);
  if (token === undefined)
    return void hearing.refuse(faultOf('token_unknown', '', { tenant: knowledge.tenant }));
  if (token.status !== 'active' || (token.expMs !== null && nowMs > token.expMs)) {
    return void hearing.refuse(faultOf('token_dead', '', { token: tokenId, scope }));
  }
  hearing.until(token.expMs);
  if (!hasScope(token.scopes, scope)) hearing.refuse(faultOf('token_scope', '', { token: tokenId, scope }));
}

/**
 * Whether the token may act on this container: it must be active, with the scope, in `slots.api` of the current manifest. Only
 * the first manifest is authorised by the key's scopes alone (protocol §3).
 */
export function checkSlot(hearing: Hearing, asker: Asker, subject: string, intent: Intent): void {
  const { signedBy } = INTENTS[intent];
  if (signedBy.role !== 'client') return;
  hearing.read(manifestKey(subject));
  const current = currentManifest(hearing.knowledge, subject);
  if (current === null) {
    if (intent !== 'minicontainer.apply') hearing.refuse(faultOf('no_manifest', '/subject', { subject }));
    return;
  }
  if (asker.kind !== 'token') return;
  if (!hasSlot(current.manifest.slots.api, asker.token, signedBy.scope)) {
    hearing.refuse(
      faultOf('slot_missing', '/subject', { token: asker.token, scope: signedBy.scope, subject }),
    );
  }
}

type ApiSlots = readonly {
  readonly token_id: string;
  readonly scopes: readonly string[];
  readonly status: string;
}[];

function hasSlot(slots: ApiSlots, token: string, scope: string): boolean {
  return slots.some(
    (slot) => slot.token_id === token && slot.status === 'active' && hasScope(slot.scopes, scope),
  );
}

/** The registered client key of that id with this public key or none given; null otherwise. */
export function clientKeyOf(knowledge: Knowledge, kid: string): KeyEntry | null {
  const key = knowledge.keys.get(kid);
  return key?.role === 'client' ? key : null;
}

function refuse(hearing: Hearing, fault: Fault): null {
  hearing.refuse(fault);
  return null;
}
