import { parseHex } from '@logline/canon-sign';
import { GRANT_SCHEME, type Grant, type GrantWrap, type Manifest } from '@logline/contracts';
import type { Knowledge } from '@logline/tdln';
import type { Secret } from '@logline/targets';
import { openArtifact, unwrapContentKey, verifyGrant, WalletError } from '@logline/wallet';
import type { Plan } from '../domain/plan.ts';
import type { GrantUse } from '../domain/run.ts';
import { ArtifactError, type FetchArtifact } from './fetch-artifact.ts';

/** A grant that does not open for this runner; said to the log as `grant_refused`. Never holds a secret. */
export class GrantRefused extends Error {
  override readonly name = 'GrantRefused';
}

export type Opening = {
  readonly plan: Plan;
  readonly manifest: Manifest;
  /** Log time at which the manifest was applied. */
  readonly appliedMs: number;
  readonly knowledge: Knowledge;
  readonly runner: string;
  readonly nowMs: number;
};

/** The grants that the manifest's environment names, each verified for this use: signature, container, artifact, audience, scope, time, wrap. */
export function checkGrants(opening: Opening): readonly GrantUse[] {
  return grantsInEnvironment(opening.manifest).map(({ grant }) => {
    const artifact = checkGrant(grant, opening);
    return { grant: grant.id, artifact: artifact.id, artifact_hash: artifact.hash };
  });
}

/**
 * The secrets, for the variables that wait for them. The caller wipes them. All or none: what was opened before a failure is wiped.
 * @throws GrantRefused when one does not open, ArtifactError (retryable) when the ciphertext cannot be had now
 */
export async function openGrants(
  opening: Opening,
  by: { readonly hpkePrivateKey: string; readonly fetch: FetchArtifact; readonly signal: AbortSignal },
): Promise<Secret[]> {
  const secrets: Secret[] = [];
  try {
    for (const { variables, grant } of grantsInEnvironment(opening.manifest)) {
      const value = await openOne(grant, opening, by);
      secrets.push({ variable: variables[0] ?? '', value });
      // one grant may be named by several variables; each gets bytes of its own to be wiped
      for (const variable of variables.slice(1)) secrets.push({ variable, value: value.slice() });
    }
    return secrets;
  } catch (cause) {
    wipe(secrets);
    if (cause instanceof WalletError) throw new GrantRefused(cause.message, { cause });
    if (cause instanceof ArtifactError && !cause.isRetryable)
      throw new GrantRefused(cause.message, { cause });
    throw cause;
  }
}

export function wipe(secrets: readonly Secret[]): void {
  for (const { value } of secrets) value.fill(0);
}

async function openOne(
  grant: Grant,
  opening: Opening,
  {
    hpkePrivateKey,
    fetch,
    signal,
  }: { readonly hpkePrivateKey: string; readonly fetch: FetchArtifact; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { tenant } = opening.knowledge;
  const artifact = checkGrant(grant, opening);
  const wrap = wrapFor(grant, opening.runner);
  const sealed = await fetch(artifact.hash, signal);
  const contentKey = await unwrapContentKey({ wrap, tenant, hpkePrivateKey, grant });
  try {
    return openArtifact({ tenant, artifactId: artifact.id, sealed, contentKey });
  } finally {
    contentKey.fill(0);
  }
}

function checkGrant(
  grant: Grant,
  { plan, manifest, appliedMs, knowledge, runner, nowMs }: Opening,
): { id: string; hash: string } {
  const artifact = manifest.artifacts?.find(({ id }) => id === grant.artifact_id);
  const key = knowledge.keys.get(grant.kid ?? '');
  if (knowledge.containers.get(plan.subject)?.revokedGrants.has(grant.id) === true)
    throw new GrantRefused(`the grant ${grant.id} is revoked`);
  if (artifact === undefined)
    throw new GrantRefused(`the grant ${grant.id} is for an artifact that the manifest does not have`);
  if (key === undefined || key.role !== 'client')
    throw new GrantRefused(`the grant ${grant.id} is signed by no client key of the tenant`);
  try {
    verifyGrant(grant, {
      publicKey: parseHex(key.pub, 32),
      subject: plan.subject,
      artifact: { id: artifact.id, hash: artifact.hash },
      target: plan.target,
      nowMs,
      logTimeMs: appliedMs,
    });
  } catch (cause) {
    if (cause instanceof WalletError) throw new GrantRefused(cause.message, { cause });
    throw cause;
  }
  wrapFor(grant, runner);
  return artifact;
}

function wrapFor(grant: Grant, runner: string): GrantWrap {
  const wrap = grant.wraps?.find((one) => one.runner === runner);
  if (wrap === undefined)
    throw new GrantRefused(`the grant ${grant.id} is not wrapped to the runner ${runner}`);
  return wrap;
}

/** Each grant in use once, with the variables that name it. */
function grantsInEnvironment(
  manifest: Manifest,
): readonly { readonly grant: Grant; readonly variables: readonly string[] }[] {
  const byGrant = new Map<string, string[]>();
  for (const [variable, value] of Object.entries(manifest.deploy.env ?? {})) {
    if (!value.startsWith(GRANT_SCHEME)) continue;
    const id = value.slice(GRANT_SCHEME.length);
    byGrant.set(id, [...(byGrant.get(id) ?? []), variable]);
  }
  return [...byGrant].map(([id, variables]) => {
    const grant = manifest.grants?.find((one) => one.id === id);
    if (grant === undefined) throw new GrantRefused(`the manifest has no grant ${id}`);
    return { grant, variables };
  });
}
