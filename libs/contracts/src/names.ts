import { ContractError } from './errors.ts';
import { ID_PATTERN, REF_PATTERN, TENANT_PATTERN } from './lexical.ts';

const TENANT = new RegExp(TENANT_PATTERN);
const ID = new RegExp(ID_PATTERN);
const FULL_REF = new RegExp(REF_PATTERN);
const SHORT_REF = /^mc:([a-z0-9-]{1,63})\/([a-z0-9-]{1,63})(?:@blake3:([0-9a-f]{4,64}))?$/;

/** Names that would collide with a token of an intent on the bus (protocol §1). */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'add',
  'adopted',
  'api',
  'apikey',
  'applied',
  'apply',
  'create',
  'created',
  'deploy',
  'exited',
  'failed',
  'forget',
  'grant',
  'key',
  'log',
  'materialize',
  'materialized',
  'minicontainer',
  'pending',
  'person',
  'planned',
  'policy',
  'proof',
  'publish',
  'registry',
  'remove',
  'revoke',
  'revoked',
  'rotated',
  'rollback',
  'run',
  'runner',
  'running',
  'state',
  'stop',
  'submit',
  'supply',
  'tenant',
  'verified',
  'verify',
  'wallet',
]);

export type Subject =
  | { readonly kind: 'minicontainer'; readonly tenant: string; readonly name: string }
  | { readonly kind: 'person'; readonly tenant: string; readonly name: string }
  | { readonly kind: 'tenant'; readonly tenant: string };

export type Target = {
  readonly provider: string;
  readonly project_id?: string;
  readonly service?: string;
};

/** A usable tenant or container name: well formed and not reserved. */
export function isName(text: string): boolean {
  return TENANT.test(text) && !RESERVED_NAMES.has(text);
}

/** @throws ContractError `BAD_SUBJECT` for anything but the three forms of protocol §1 */
export function parseSubject(urn: string): Subject {
  const [scheme, kind, rest, more] = urn.split(':');
  if (scheme === 'urn' && rest !== undefined && more === undefined) {
    if (kind === 'tenant' && isName(rest)) return { kind, tenant: rest };
    const slash = rest.indexOf('/');
    const tenant = rest.slice(0, slash);
    const name = rest.slice(slash + 1);
    if (slash > 0 && isName(tenant)) {
      if (kind === 'minicontainer' && isName(name)) return { kind, tenant, name };
      if (kind === 'person' && ID.test(name)) return { kind, tenant, name };
    }
  }
  throw new ContractError(
    'BAD_SUBJECT',
    `not a subject: use urn:minicontainer:<tenant>/<name>, urn:person:<tenant>/<id> or urn:tenant:<tenant>, with names of [a-z0-9-] that are not words of an intent`,
  );
}

export function formatSubject(subject: Subject): string {
  return subject.kind === 'tenant'
    ? `urn:tenant:${subject.tenant}`
    : `urn:${subject.kind}:${subject.tenant}/${subject.name}`;
}

export type ManifestRef = { readonly tenant: string; readonly name: string; readonly hash: string };

/** @throws ContractError `BAD_REF` unless it is `mc:<tenant>/<name>@blake3:<64 hex>` */
export function parseRef(ref: string): ManifestRef {
  if (!FULL_REF.test(ref)) {
    throw new ContractError('BAD_REF', 'not a full manifest ref: mc:<tenant>/<name>@blake3:<64 hex>');
  }
  const [path = '', hash = ''] = ref.slice(3).split('@');
  const [tenant = '', name = ''] = path.split('/');
  return { tenant, name, hash };
}

export function formatRef(ref: ManifestRef): string {
  return `mc:${ref.tenant}/${ref.name}@${ref.hash}`;
}

/** Tenant, name and hash prefix (hex, `''` for none) of a full or short ref; null when it is neither. */
export function parseShortRef(ref: string): { tenant: string; name: string; hexPrefix: string } | null {
  const match = SHORT_REF.exec(ref);
  return match === null ? null : { tenant: match[1] ?? '', name: match[2] ?? '', hexPrefix: match[3] ?? '' };
}

/**
 * A target as people write it: `docker`, or `railway:proj=rw1,svc=web`.
 * @throws ContractError `BAD_TARGET`
 */
export function parseTarget(text: string): Target {
  const [provider = '', fields = '', more] = text.split(':');
  const keys: Record<string, 'project_id' | 'service'> = {
    proj: 'project_id',
    project: 'project_id',
    project_id: 'project_id',
    svc: 'service',
    service: 'service',
  };
  const target: { provider: string; project_id?: string; service?: string } = { provider };
  const isWellFormed =
    ID.test(provider) &&
    more === undefined &&
    (fields === '' ||
      fields.split(',').every((field) => {
        const [key = '', value = ''] = field.split('=');
        const name = keys[key];
        if (name === undefined || !ID.test(value)) return false;
        target[name] = value;
        return true;
      }));
  if (!isWellFormed) {
    throw new ContractError(
      'BAD_TARGET',
      'not a target: use <provider> or <provider>:proj=<project>,svc=<service>',
    );
  }
  return target;
}

export function formatTarget(target: Target): string {
  const fields = [
    ...(target.project_id === undefined ? [] : [`proj=${target.project_id}`]),
    ...(target.service === undefined ? [] : [`svc=${target.service}`]),
  ];
  return fields.length === 0 ? target.provider : `${target.provider}:${fields.join(',')}`;
}

/** Whether a deploy to `target` is covered by an entry of `deploy.targets`: every field the entry gives is equal (protocol §4). */
export function matchesTarget(target: Target, entry: Target): boolean {
  return (
    target.provider === entry.provider &&
    (entry.project_id === undefined || entry.project_id === target.project_id) &&
    (entry.service === undefined || entry.service === target.service)
  );
}

/** Whether a grant's `aud` (`provider` or `provider:project/service`) covers a deploy to `target`. */
export function matchesAudience(target: Target, aud: string): boolean {
  const colon = aud.indexOf(':');
  if (colon < 0) return aud === target.provider;
  return (
    aud.slice(0, colon) === target.provider &&
    aud.slice(colon + 1) === `${target.project_id ?? ''}/${target.service ?? ''}`
  );
}
