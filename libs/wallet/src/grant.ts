import { CanonError, type Signer, signObject, verifyObject } from '@logline/canon-sign';
import {
  formatInstant,
  type Grant,
  matchesAudience,
  parseDuration,
  parseInstant,
  parseSubject,
  type Target,
} from '@logline/contracts';
import { WalletError, type WalletErrorCode } from './errors.ts';

/** A grant that says all a deploy needs (protocol §6); the short form leaves some of it out. */
export type FullGrant = Grant & Required<Pick<Grant, 'artifact_hash' | 'subject' | 'iat' | 'kid'>>;
/** What a runner reads: the one scope there is today. */
export const RUNTIME_READ = 'runtime:read';

export type GrantTerms = {
  readonly id: string;
  readonly artifactId: string;
  readonly artifactHash: string;
  /** The one container it is good for. */
  readonly subject: string;
  readonly scope: readonly string[];
  readonly iatMs: number;
  /** ISO 8601 duration without months or years, counted from `iatMs`. */
  readonly ttl: string;
  /** `provider`, or `provider:project/service`. */
  readonly aud: string;
};

/**
 * A signed grant without wraps; each runner's wrap is added beside it and not signed.
 *
 * @throws WalletError `MALFORMED` when `ttl` is no duration or the subject no container
 * @see protocol §6
 */
export async function makeGrant(terms: GrantTerms, signer: Signer): Promise<FullGrant> {
  if (parseDuration(terms.ttl) === null)
    throw new WalletError('MALFORMED', `not a duration: ${terms.ttl} (use PnD or PTnHnMnS)`);
  if (parseSubject(terms.subject).kind !== 'minicontainer')
    throw new WalletError('MALFORMED', 'a grant is for a container');
  const grant = {
    id: terms.id,
    artifact_id: terms.artifactId,
    artifact_hash: terms.artifactHash,
    subject: terms.subject,
    scope: [...terms.scope],
    iat: formatInstant(terms.iatMs),
    ttl: terms.ttl,
    aud: terms.aud,
    kid: signer.kid,
  };
  return await signObject('grant', grant, signer);
}

/** What a runner is about to do, and what it knows; revocation is not among it, since that is in the log. */
export type GrantUse = {
  /** Of the key that `kid` names, from the registry. */
  readonly publicKey: Uint8Array;
  readonly subject: string;
  readonly artifact: { readonly id: string; readonly hash: string };
  readonly target: Target;
  readonly scope?: string;
  readonly nowMs: number;
  /** Log time of the manifest that carries the grant. */
  readonly logTimeMs: number;
};

/**
 * The grant as a full one when it allows this use now, and throws otherwise. Whether it was revoked is for the log to say.
 *
 * @throws WalletError `GRANT_INCOMPLETE`, `GRANT_SIGNATURE`, `GRANT_SUBJECT`, `GRANT_ARTIFACT`, `GRANT_AUDIENCE`, `GRANT_SCOPE`,
 * `GRANT_NOT_YET`, `GRANT_EXPIRED`: the first that holds, in this order
 * @see protocol §6
 */
export function verifyGrant(grant: Grant, use: GrantUse): FullGrant {
  if (!isFullGrant(grant))
    throw refused('GRANT_INCOMPLETE', grant, 'leaves out artifact_hash, subject, iat or kid');
  try {
    verifyObject('grant', grant, use.publicKey);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw refused('GRANT_SIGNATURE', grant, `is not signed by ${grant.kid}`, cause);
  }
  if (grant.subject !== use.subject) throw refused('GRANT_SUBJECT', grant, `is for ${grant.subject}`);
  if (grant.artifact_id !== use.artifact.id || grant.artifact_hash !== use.artifact.hash) {
    throw refused('GRANT_ARTIFACT', grant, `is for ${grant.artifact_id} as it was sealed when granted`);
  }
  if (!matchesAudience(use.target, grant.aud)) throw refused('GRANT_AUDIENCE', grant, `is for ${grant.aud}`);
  const scope = use.scope ?? RUNTIME_READ;
  const family = `${scope.slice(0, scope.indexOf(':'))}:*`;
  if (!grant.scope.some((allowed) => allowed === scope || allowed === family))
    throw refused('GRANT_SCOPE', grant, `does not allow ${scope}`);
  // a clock may be a little behind that of the wallet; log time never is
  if ((parseInstant(grant.iat) ?? Infinity) > use.nowMs + MOST_SKEW_MS)
    throw refused('GRANT_NOT_YET', grant, `begins at ${grant.iat}`);
  const expiryMs = grantExpiryMs(grant, use.logTimeMs);
  if (use.nowMs >= expiryMs) throw refused('GRANT_EXPIRED', grant, `ended at ${formatInstant(expiryMs)}`);
  return grant;
}

const MOST_SKEW_MS = 120_000;

export function isFullGrant(grant: Grant): grant is FullGrant {
  return (
    grant.artifact_hash !== undefined &&
    grant.subject !== undefined &&
    grant.iat !== undefined &&
    grant.kid !== undefined
  );
}

/**
 * When the grant ends: `ttl` after `iat`, or after log time if that is earlier.
 *
 * @param logTimeMs - log time of the manifest that carries it
 * @throws WalletError `MALFORMED` when `ttl` or `iat` cannot be read
 */
export function grantExpiryMs(grant: Grant, logTimeMs: number): number {
  const ttlMs = parseDuration(grant.ttl);
  const iatMs = grant.iat === undefined ? logTimeMs : parseInstant(grant.iat);
  if (ttlMs === null || iatMs === null)
    throw new WalletError('MALFORMED', `the grant ${grant.id} has no readable time span`);
  return Math.min(iatMs, logTimeMs) + ttlMs;
}

function refused(code: WalletErrorCode, grant: Grant, why: string, cause?: unknown): WalletError {
  return new WalletError(code, `the grant ${grant.id} ${why}`, { cause });
}
