import {
  checkerOf,
  formatTarget,
  GRANT_SCHEME,
  hasScope,
  Manifest,
  matchesTarget,
  parseDuration,
  parseInstant,
  type Detail,
  type Grant,
  type Target,
} from '@logline/contracts';
import { credentialLook } from './credential.ts';
import { faultOf, faultUnder, type Fault } from './fault.ts';
import { findPlaceholders } from './placeholder.ts';
import { nullFaults, toFault } from './schema-faults.ts';
import { isManifestSignedBy } from './signature.ts';

const manifestChecker = checkerOf(Manifest);
const UNSIGNED = { kid: 'unsigned', alg: 'ed25519-blake3', sig: `${'A'.repeat(86)}==` };

export type ManifestOptions = {
  /** The tenant it is for; unchecked when left out. */
  readonly tenant?: string;
  /** The container it is for: `urn:minicontainer:<tenant>/<name>`; unchecked when left out. */
  readonly subject?: string;
  /** The registered keys of the tenant. Without them the signature proves nothing, and a warning says so. */
  readonly keys?: readonly { readonly kid: string; readonly pub: string }[];
};

export type ManifestCheck = {
  /** Each would be refused by `minicontainer.apply`. */
  readonly faults: readonly Detail[];
  /** Not signed yet, signer unchecked, a container nobody could act on. */
  readonly warnings: readonly Detail[];
};

/**
 * What is wrong with a manifest, as far as it shows by itself: schema, consistency, placeholders, credentials in the open,
 * and the signature where the keys are given (protocol §4). Empty lists when nothing is. Safe on anything `parseStrict` returned.
 */
export function checkManifest(manifest: unknown, options: ManifestOptions = {}): ManifestCheck {
  const form = manifestFaults(manifest, '', options);
  const warnings = form.filter((fault) => fault.name === 'manifest_unsigned');
  const faults = form.filter((fault) => fault.name !== 'manifest_unsigned');
  if (manifestChecker.check(manifest)) {
    const { keys, tenant = manifest.owner.tenant } = options;
    faults.push(...(keys === undefined ? damageFaults(manifest) : signatureFaults(manifest, keys, tenant)));
    if (keys === undefined)
      warnings.push(faultOf('signer_unchecked', '/provenance/kid', { kid: manifest.provenance.kid }));
    if (
      !manifest.slots.api.some((slot) => slot.status === 'active' && hasScope(slot.scopes, 'deploy:apply'))
    ) {
      warnings.push(faultOf('api_slots_dead', '/slots/api', { scope: 'deploy:apply' }));
    }
  }
  return { faults: faults.map((fault) => fault.detail), warnings: warnings.map((fault) => fault.detail) };
}

/** Schema, consistency and placeholders, in the gate's words, with pointers that begin with `prefix`; no signature is looked at. */
export function manifestFaults(value: unknown, prefix: string, options: ManifestOptions): readonly Fault[] {
  const nulls = nullFaults(value, prefix);
  if (nulls.length > 0) return nulls;
  const placeholders = findPlaceholders(value);
  const { filled } = placeholders;
  const isUnsigned = isObject(filled) && !Object.hasOwn(filled, 'provenance');
  const manifest = isUnsigned ? { ...filled, provenance: UNSIGNED } : filled;
  const faults = placeholders.faults.map((fault) => faultUnder(prefix, fault));
  if (isUnsigned) faults.push(faultOf('manifest_unsigned', `${prefix}/provenance`, {}));
  if (!manifestChecker.check(manifest)) {
    return [...faults, ...manifestChecker.faults(manifest).map((fault) => toFault(fault, prefix))];
  }
  return [...faults, ...[...consistencyFaults(manifest, options)].map((fault) => faultUnder(prefix, fault))];
}

function* consistencyFaults(manifest: Manifest, { tenant, subject }: ManifestOptions): Generator<Fault> {
  if (tenant !== undefined && manifest.owner.tenant !== tenant) {
    yield faultOf('tenant_differs', '/owner/tenant', { named: manifest.owner.tenant, tenant });
  }
  if (parseInstant(manifest.ts) === null)
    yield faultOf('no_such_time', '/ts', { example: '2026-01-31T12:00:00Z' });
  yield* duplicates(
    '/slots/signing',
    'kid',
    manifest.slots.signing.map((slot) => slot.kid),
  );
  yield* duplicates(
    '/slots/api',
    'token_id',
    manifest.slots.api.map((slot) => slot.token_id),
  );
  yield* duplicates(
    '/slots/crypto',
    'kid',
    (manifest.slots.crypto ?? []).map((slot) => slot.kid),
  );
  yield* duplicates(
    '/artifacts',
    'id',
    (manifest.artifacts ?? []).map((artifact) => artifact.id),
  );
  yield* duplicates(
    '/grants',
    'id',
    (manifest.grants ?? []).map((grant) => grant.id),
  );
  yield* duplicates(
    '/deploy/volumes',
    'path',
    (manifest.deploy.volumes ?? []).map((volume) => volume.path),
  );
  yield* grantFaults(manifest, subject);
  yield* envFaults(manifest);
  yield* portFaults(manifest);
  yield* lifecycleFaults(manifest);
}

function* duplicates(list: string, field: string, values: readonly string[]): Generator<Fault> {
  for (const [i, value] of values.entries()) {
    if (values.indexOf(value) < i) yield faultOf('id_twice', `${list}/${i}/${field}`, { id: value });
  }
}

function* grantFaults(
  { grants = [], artifacts = [], deploy }: Manifest,
  subject: string | undefined,
): Generator<Fault> {
  for (const [i, grant] of grants.entries()) {
    const at = `/grants/${i}`;
    const blanks = { artifact: grant.artifact_id, aud: grant.aud };
    const artifact = artifacts.find(({ id }) => id === grant.artifact_id);
    if (artifact === undefined) {
      yield faultOf('grant_artifact_unknown', `${at}/artifact_id`, { artifact: grant.artifact_id });
    } else if (grant.artifact_hash !== undefined && grant.artifact_hash !== artifact.hash) {
      yield faultOf('grant_differs', `${at}/artifact_hash`, { wanted: artifact.hash, ...blanks });
    }
    if (grant.subject !== undefined && subject !== undefined && grant.subject !== subject) {
      yield faultOf('grant_differs', `${at}/subject`, { wanted: subject, ...blanks });
    }
    if (!deploy.targets.some((target) => isAudienceOf(grant, target))) {
      yield faultOf('grant_aud_unknown', `${at}/aud`, {
        aud: grant.aud,
        artifact: grant.artifact_id,
        targets: deploy.targets.map(formatTarget).join(' '),
      });
    }
    if (parseDuration(grant.ttl) === null) yield faultOf('no_such_time', `${at}/ttl`, { example: 'P30D' });
    if (grant.iat !== undefined && parseInstant(grant.iat) === null) {
      yield faultOf('no_such_time', `${at}/iat`, { example: '2026-01-31T12:00:00Z' });
    }
  }
}

/** `aud` is a provider, or `provider:project/service`; a target that leaves project or service open takes any. */
function isAudienceOf({ aud }: Grant, target: Target): boolean {
  const [provider = '', place] = aud.split(':');
  if (place === undefined) return provider === target.provider;
  const [project_id = '', service = ''] = place.split('/');
  return matchesTarget({ provider, project_id, service }, target);
}

function* envFaults({ deploy, grants = [] }: Manifest): Generator<Fault> {
  for (const [name, value] of Object.entries(deploy.env ?? {})) {
    const at = `/deploy/env/${name}`;
    if (value.startsWith(GRANT_SCHEME)) {
      const grant = value.slice(GRANT_SCHEME.length);
      if (!grants.some(({ id }) => id === grant)) yield faultOf('env_grant_unknown', at, { grant });
    } else if (value.includes(GRANT_SCHEME)) {
      yield faultOf('field_wrong', at, {
        why: `has ${GRANT_SCHEME} inside a longer text; a grant is the whole value`,
      });
    } else {
      const why = credentialLook(name, value);
      if (why !== null) {
        const aud = deploy.targets[0]?.provider ?? '<target>';
        yield faultOf('env_credential', at, { why, artifact: name.toLowerCase(), aud });
      }
    }
  }
}

function* portFaults({ deploy }: Manifest): Generator<Fault> {
  const taken = new Set<string>();
  for (const [i, { host, container, protocol = 'tcp' }] of (deploy.ports ?? []).entries()) {
    for (const [side, port] of [
      ['host', host],
      ['container', container],
    ] as const) {
      const place = `${side} ${port} ${protocol}`;
      if (taken.has(place)) yield faultOf('port_twice', `/deploy/ports/${i}/${side}`, {});
      if (port !== 0) taken.add(place);
    }
  }
}

const HEALTHCHECK_FIELDS = { http: ['path', 'port'], tcp: ['port'], exec: ['command'] } as const;
const REQUIRED_FIELDS = { http: ['port'], tcp: ['port'], exec: ['command'] } as const;

function* lifecycleFaults({ deploy }: Manifest): Generator<Fault> {
  const { healthcheck, restart } = deploy.lifecycle ?? {};
  if (healthcheck !== undefined) {
    const { type } = healthcheck;
    const at = '/deploy/lifecycle/healthcheck';
    const allowed: readonly string[] = HEALTHCHECK_FIELDS[type];
    for (const field of REQUIRED_FIELDS[type]) {
      if (!Object.hasOwn(healthcheck, field))
        yield faultOf('healthcheck_incomplete', `${at}/${field}`, { type, field });
    }
    for (const field of ['path', 'port', 'command']) {
      if (Object.hasOwn(healthcheck, field) && !allowed.includes(field)) {
        yield faultOf('healthcheck_surplus', `${at}/${field}`, { type, field });
      }
    }
  }
  if (restart?.policy === 'never' && restart.max_retries !== undefined) {
    yield faultOf('restart_surplus', '/deploy/lifecycle/restart/max_retries', { policy: restart.policy });
  }
}

/** Who signed, by the registered keys, and that the signing slots are registered keys themselves (protocol §3). */
export function* signatureFaults(
  manifest: Manifest,
  keys: readonly { readonly kid: string; readonly pub: string }[],
  tenant: string,
): Generator<Fault> {
  const { kid } = manifest.provenance;
  const key = keys.find((candidate) => candidate.kid === kid);
  if (key === undefined) yield faultOf('kid_unknown', '/provenance/kid', { kid, tenant });
  else if (!isManifestSignedBy(manifest, key.pub))
    yield faultOf('signature_wrong', '/provenance/sig', { kid });
  for (const [i, slot] of manifest.slots.signing.entries()) {
    const registered = keys.find((candidate) => candidate.kid === slot.kid);
    if (registered?.pub !== slot.pub)
      yield faultOf('slot_key_unregistered', `/slots/signing/${i}`, { kid: slot.kid, tenant });
  }
}

/** By the key that the manifest itself names a signature proves nobody; that it does not fit proves damage. */
function damageFaults(manifest: Manifest): readonly Fault[] {
  const { kid } = manifest.provenance;
  const key = manifest.slots.signing.find((slot) => slot.kid === kid);
  if (key === undefined || isManifestSignedBy(manifest, key.pub)) return [];
  return [faultOf('signature_wrong', '/provenance/sig', { kid })];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
