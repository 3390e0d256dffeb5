import {
  formatInstant,
  formatTarget,
  GRANT_SCHEME,
  hasScope,
  matchesAudience,
  parseDuration,
  parseInstant,
  type Grant,
  type Manifest,
  type Target,
} from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import type { Hearing } from './hearing.ts';
import { grantKey, kidKey, runnerKey } from './keys.ts';
import { isCompromisedAt, type ManifestEntry } from './knowledge.ts';
import { isSignedBy } from './signature.ts';

/** What a key must have to grant, and what a grant must have to be opened by a runner. */
const GRANTING_SCOPE = 'grant:sign';
const OPENING_SCOPE = 'runtime:read';

/** Ids of the grants that `env` names, each once: what a deploy opens. */
export function grantsInUse({ deploy }: Manifest): readonly string[] {
  const values = Object.values(deploy.env ?? {}).filter((value) => value.startsWith(GRANT_SCHEME));
  return [...new Set(values.map((value) => value.slice(GRANT_SCHEME.length)))];
}

/**
 * From when on a grant opens nothing: `ttl` after `iat`, or after the log time of its manifest if that is earlier (protocol
 * §6). Null when `ttl` or `iat` is not a time.
 */
export function grantExpiryMs(grant: Grant, appliedMs: number): number | null {
  const ttlMs = parseDuration(grant.ttl);
  const iatMs = grant.iat === undefined ? appliedMs : parseInstant(grant.iat);
  return ttlMs === null || iatMs === null ? null : Math.min(iatMs, appliedMs) + ttlMs;
}

/** Of a manifest being applied: every grant that names its key is signed by it, and the key may grant. */
export function checkGrantSignatures(hearing: Hearing, manifest: Manifest, prefix: string): void {
  for (const [i, grant] of (manifest.grants ?? []).entries()) {
    if (grant.kid === undefined) continue; // a short grant: good schema, and no deploy takes it
    const at = `${prefix}/grants/${i}`;
    hearing.read(kidKey(grant.kid));
    const key = hearing.knowledge.keys.get(grant.kid);
    if (key?.role !== 'client') {
      hearing.refuse(
        faultOf('kid_unknown', `${at}/kid`, { kid: grant.kid, tenant: hearing.knowledge.tenant }),
      );
    } else if (!isSignedBy('grant', grant, key.pub)) {
      hearing.refuse(faultOf('signature_wrong', `${at}/sig`, { kid: grant.kid }));
    } else if (!hasScope(key.scopes, GRANTING_SCOPE)) {
      hearing.refuse(faultOf('scope_missing', `${at}/kid`, { kid: grant.kid, scope: GRANTING_SCOPE }));
    }
  }
}

/** Of a manifest being deployed: every grant in use is whole, for this place, wrapped to a runner there, and still good. */
export function checkGrantsFor(
  hearing: Hearing,
  subject: string,
  entry: ManifestEntry,
  target: Target,
): void {
  for (const id of grantsInUse(entry.manifest)) {
    const grant = entry.manifest.grants?.find((candidate) => candidate.id === id);
    if (grant === undefined) continue; // apply has refused such a manifest
    const fault =
      completenessFault(grant, entry.ref) ??
      standingFault(hearing, subject, grant, entry) ??
      placeFault(grant, target) ??
      wrapFault(hearing, grant, target);
    if (fault !== null) hearing.refuse(fault);
  }
}

const AT = '/payload/ref';

function completenessFault(grant: Grant, ref: string): Fault | null {
  const fields = (['artifact_hash', 'subject', 'iat', 'kid', 'wraps'] as const).filter(
    (field) => grant[field] === undefined,
  );
  if (fields.length === 0) return null;
  return faultOf('grant_short', AT, {
    grant: grant.id,
    ref,
    fields: fields.join(', '),
    artifact: grant.artifact_id,
    aud: grant.aud,
  });
}

/** Why a grant opens nothing any more, wherever it is; null while it does. */
export function standingFault(
  hearing: Hearing,
  subject: string,
  grant: Grant,
  entry: ManifestEntry,
): Fault | null {
  const { knowledge, nowMs } = hearing;
  const { kid } = grant;
  hearing.read(grantKey(subject, grant.id), ...(kid === undefined ? [] : [kidKey(kid)]));
  if (knowledge.containers.get(subject)?.revokedGrants.has(grant.id)) return barred(grant, 'it is revoked');
  if (kid !== undefined && isCompromisedAt(knowledge, kid, entry.index))
    return barred(grant, `its key ${kid} is compromised`);
  const expiryMs = grantExpiryMs(grant, entry.timeMs);
  if (expiryMs === null) return barred(grant, 'its times are not times');
  if (nowMs > expiryMs) return barred(grant, `it expired at ${formatInstant(expiryMs)}`);
  hearing.until(expiryMs);
  return null;
}

function placeFault(grant: Grant, target: Target): Fault | null {
  if (!matchesAudience(target, grant.aud))
    return barred(grant, `its audience ${grant.aud} is not ${formatTarget(target)}`);
  if (!hasScope(grant.scope, OPENING_SCOPE)) return barred(grant, `its scope is not ${OPENING_SCOPE}`);
  return null;
}

function wrapFault(hearing: Hearing, grant: Grant, { provider }: Target): Fault | null {
  const runners = (grant.wraps ?? []).map((wrap) => wrap.runner);
  hearing.read(...runners.map(runnerKey));
  const isOpenable = runners.some((name) => {
    const runner = hearing.knowledge.runners.get(name);
    return runner?.status === 'active' && runner.providers.includes(provider);
  });
  if (isOpenable) return null;
  return faultOf('grant_unwrapped', AT, {
    grant: grant.id,
    provider,
    artifact: grant.artifact_id,
    aud: grant.aud,
  });
}

function barred(grant: Grant, why: string): Fault {
  return faultOf('grant_barred', AT, { grant: grant.id, why, artifact: grant.artifact_id, aud: grant.aud });
}
