import {
  hasScope,
  parseInstant,
  SERVICE_NAMES,
  type KeyAdd,
  type KeyRevoke,
  type RunnerAdd,
  type TenantCreated,
} from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import type { Hearing } from './hearing.ts';
import { rotationFaults } from './log-rules.ts';
import { kidKey, REGISTRY_KEY, runnerKey, TENANT_KEY, tokenKey } from './keys.ts';
import { registryKeys } from './knowledge.ts';
import { isSignedBy } from './signature.ts';
import { actualRole, checkOperator, type OperatorKey } from './signer.ts';
import type { Statement } from './statement.ts';

export type RegistryStatement = Extract<Statement, { intent: `registry.${string}` }>;
/** What only the operator says: the birth of a tenant, and the key that follows its log's key. */
export type OperatorStatement = Extract<
  Statement,
  { intent: 'registry.tenant.created' | 'registry.log.rotated' }
>;

const REGISTRY_SCOPE = 'registry:key';

/** What of a registry payload shows by itself: whose it is, and that the new key agrees (protocol §3). */
export function registryFormFaults(statement: Statement, tenant: string): readonly Fault[] {
  switch (statement.intent) {
    case 'registry.tenant.created':
      return tenantFaults(statement.payload, tenant);
    case 'registry.log.rotated':
      return [
        ...payloadTenantFaults(statement.payload.tenant, tenant),
        ...rotationFaults(statement.payload, tenant),
      ];
    case 'registry.key.add':
      return [
        ...payloadTenantFaults(statement.payload.tenant, tenant),
        ...possessionFaults(statement.payload),
        ...expFaults('/payload/exp', statement.payload.exp),
      ];
    case 'registry.apikey.create':
      return expFaults('/payload/exp', statement.payload.exp);
    case 'registry.runner.add':
      return [
        ...payloadTenantFaults(statement.payload.tenant, tenant),
        ...possessionFaults(statement.payload),
      ];
    default:
      return [];
  }
}

function payloadTenantFaults(named: string, tenant: string): readonly Fault[] {
  return named === tenant ? [] : [faultOf('tenant_differs', '/payload/tenant', { named, tenant })];
}

function possessionFaults(payload: KeyAdd | RunnerAdd): readonly Fault[] {
  return isSignedBy('possession', payload, payload.pub)
    ? []
    : [faultOf('possession_wrong', '/payload/possession', { kid: payload.kid })];
}

function expFaults(at: string, exp: string | undefined): readonly Fault[] {
  return exp !== undefined && parseInstant(exp) === null
    ? [faultOf('no_such_time', at, { example: '2027-01-31T12:00:00Z' })]
    : [];
}

function tenantFaults(payload: TenantCreated, tenant: string): readonly Fault[] {
  const { root, services, origin, log_key } = payload;
  const faults: Fault[] = [
    ...payloadTenantFaults(payload.tenant, tenant),
    ...expFaults('/payload/api_key/exp', payload.api_key.exp),
  ];
  if (!isSignedBy('possession', payload, root.pub))
    faults.push(faultOf('possession_wrong', '/payload/possession', { kid: root.kid }));
  if (!hasScope(root.scopes, REGISTRY_SCOPE))
    faults.push(faultOf('root_powerless', '/payload/root/scopes', {}));
  for (const service of SERVICE_NAMES) {
    if (!services.some((named) => named.service === service))
      faults.push(faultOf('service_unnamed', '/payload/services', { service }));
  }
  const all = [root, ...services];
  for (const [i, { kid, pub }] of all.entries()) {
    const at = i === 0 ? '/payload/root' : `/payload/services/${i - 1}`;
    const earlier = all.slice(0, i);
    if (earlier.some((other) => other.kid === kid))
      faults.push(faultOf('id_taken', `${at}/kid`, { what: 'the kid', id: kid }));
    const twin = earlier.find((other) => other.pub === pub);
    if (twin !== undefined) faults.push(faultOf('pub_taken', `${at}/pub`, { kid: twin.kid }));
  }
  for (const [i, { service }] of services.entries()) {
    const isTwin = services.findIndex((other) => other.service === service) < i;
    if (isTwin)
      faults.push(
        faultOf('id_taken', `/payload/services/${i}/service`, { what: 'the service', id: service }),
      );
  }
  if (!origin.endsWith(`/${tenant}`))
    faults.push(faultOf('log_name_differs', '/payload/origin', { wanted: `<ledger origin>/${tenant}` }));
  if (!log_key.startsWith(`${origin}+`))
    faults.push(
      faultOf('log_name_differs', '/payload/log_key', { wanted: `a verifier key named ${origin}` }),
    );
  return faults;
}

/** The birth of a tenant: an operator of this installation signed it, and the log is empty. */
export function judgeTenant(
  hearing: Hearing,
  statement: Extract<Statement, { intent: 'registry.tenant.created' }>,
  operators: readonly OperatorKey[] | null,
): void {
  const { span } = statement;
  hearing.read(TENANT_KEY);
  if (hearing.knowledge.index >= 0)
    hearing.refuse(faultOf('tenant_exists', '/subject', { tenant: hearing.knowledge.tenant }));
  checkOperator(hearing, span, operators);
}

/** A log that goes on by the operator's word. It changes nothing that anybody may do. */
export function judgeAdoption(
  hearing: Hearing,
  { span }: Extract<Statement, { intent: 'registry.log.adopted' }>,
  operators: readonly OperatorKey[] | null,
): void {
  hearing.read(TENANT_KEY);
  if (hearing.knowledge.root === null)
    hearing.refuse(faultOf('tenant_unknown', '/subject', { tenant: hearing.knowledge.tenant }));
  checkOperator(hearing, span, operators);
}

/** What a client's change of the registry rests on: ids are given once, and somebody must stay who can change it again. */
export function judgeRegistry(hearing: Hearing, statement: RegistryStatement): void {
  switch (statement.intent) {
    case 'registry.tenant.created':
    case 'registry.log.adopted':
    case 'registry.log.rotated':
      return;
    case 'registry.key.add':
      checkNewKey(hearing, statement.payload);
      return checkFuture(hearing, '/payload/exp', statement.payload.exp);
    case 'registry.key.revoke':
      return checkRevocation(hearing, statement.payload);
    case 'registry.apikey.create':
      checkNewHash(hearing, statement.payload.hash);
      hearing.read(tokenKey(statement.payload.token_id));
      if (hearing.knowledge.tokens.has(statement.payload.token_id)) {
        hearing.refuse(
          faultOf('id_taken', '/payload/token_id', { what: 'the API token', id: statement.payload.token_id }),
        );
      }
      return checkFuture(hearing, '/payload/exp', statement.payload.exp);
    case 'registry.apikey.revoke': {
      const { token_id } = statement.payload;
      hearing.read(tokenKey(token_id));
      if (hearing.knowledge.tokens.get(token_id)?.status !== 'active') {
        hearing.refuse(
          faultOf('nothing_to_revoke', '/payload/token_id', {
            what: 'API token',
            id: token_id,
            list: 'logline apikey list',
          }),
        );
      }
      return;
    }
    case 'registry.runner.add':
      return checkNewRunner(hearing, statement.payload);
    case 'registry.runner.remove': {
      const { runner } = statement.payload;
      hearing.read(runnerKey(runner));
      if (hearing.knowledge.runners.get(runner)?.status !== 'active') {
        hearing.refuse(
          faultOf('nothing_to_revoke', '/payload/runner', {
            what: 'runner',
            id: runner,
            list: 'logline runner list',
          }),
        );
      }
      return;
    }
    case 'registry.log.publish': // saying it again changes nothing, and no verdict rests on who may read
      return;
  }
}

/** One public key, one kid, for good: what a key once signed must never change its name (protocol §3). */
function checkNewKey(hearing: Hearing, { kid, pub }: { readonly kid: string; readonly pub: string }): void {
  const { keys } = hearing.knowledge;
  hearing.read(kidKey(kid), REGISTRY_KEY);
  if (keys.has(kid)) hearing.refuse(faultOf('id_taken', '/payload/kid', { what: 'the kid', id: kid }));
  for (const key of keys.values()) {
    if (key.pub === pub) return hearing.refuse(faultOf('pub_taken', '/payload/pub', { kid: key.kid }));
  }
}

/** Two tokens of one secret would be one caller under two names. */
function checkNewHash(hearing: Hearing, hash: string): void {
  hearing.read(REGISTRY_KEY);
  for (const token of hearing.knowledge.tokens.values()) {
    if (token.hash === hash) {
      return hearing.refuse(
        faultOf('id_taken', '/payload/hash', { what: 'the API token', id: token.tokenId }),
      );
    }
  }
}

function checkNewRunner(hearing: Hearing, payload: RunnerAdd): void {
  checkNewKey(hearing, payload);
  hearing.read(runnerKey(payload.runner));
  // a removed name may come back with a new key; grants wrapped to its old one open nothing
  if (hearing.knowledge.runners.get(payload.runner)?.status === 'active') {
    hearing.refuse(faultOf('id_taken', '/payload/runner', { what: 'the runner', id: payload.runner }));
  }
}

function checkFuture(hearing: Hearing, at: string, exp: string | undefined): void {
  const expMs = exp === undefined ? null : parseInstant(exp);
  if (expMs === null) return;
  if (expMs <= hearing.nowMs) hearing.refuse(faultOf('exp_past', at, {}));
  hearing.until(expMs - 1);
}

function checkRevocation(hearing: Hearing, { kid, reason }: KeyRevoke): void {
  const { knowledge } = hearing;
  hearing.read(kidKey(kid), REGISTRY_KEY);
  const key = knowledge.keys.get(kid);
  const list = 'logline key list';
  if (key === undefined)
    return hearing.refuse(faultOf('nothing_to_revoke', '/payload/kid', { what: 'key', id: kid, list }));
  if (key.role !== 'client')
    return hearing.refuse(faultOf('not_a_client_key', '/payload/kid', { kid, actual: actualRole(key) }));
  // what was rotated may later prove compromised; nothing else is revoked twice
  const isWorse = key.status === 'rotated' && reason === 'compromised';
  if (key.status !== 'active' && !isWorse) {
    return hearing.refuse(faultOf('nothing_to_revoke', '/payload/kid', { what: 'key', id: kid, list }));
  }
  const others = registryKeys(knowledge, (scopes) => hasScope(scopes, REGISTRY_SCOPE)).filter(
    (other) => other.kid !== kid,
  );
  if (others.length === 0) hearing.refuse(faultOf('last_registry_key', '/payload/kid', { kid }));
}
