import { LOG_KEY_WRITE } from '@logline/contracts';

/**
 * The names of what verdicts rest on and what facts change (architecture "The write path", 2). The ledger compares them and
 * never looks inside; this file alone spells them.
 */
export const TENANT_KEY = 'tenant';
/** The key that signs the log, and the one that follows it. */
export const LOG_KEY: string = LOG_KEY_WRITE;
/** The set of keys that may change the registry: the last one cannot be revoked. */
export const REGISTRY_KEY = 'registry';
export const kidKey = (kid: string): string => `kid:${kid}`;
export const tokenKey = (tokenId: string): string => `token:${tokenId}`;
export const runnerKey = (runner: string): string => `runner:${runner}`;
/** The current manifest of a container, its slots included. */
export const manifestKey = (subject: string): string => `manifest:${subject}`;
export const refKey = (ref: string): string => `ref:${ref}`;
export const proofKey = (proof: string): string => `proof:${proof}`;
/** The set of unspent proofs of a container: a deploy that names none takes one of these. */
export const proofsKey = (subject: string): string => `proofs:${subject}`;
export const grantKey = (subject: string, grant: string): string => `grant:${subject}/${grant}`;
/** The deploys of a container: asked, planned, moved on, closed. */
export const leaseKey = (subject: string): string => `lease:${subject}`;

/** Reads of two judges of one span. Where both read a key the older index holds, since both verdicts must. */
export function mergeReads(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const merged: Record<string, number> = { ...a };
  for (const [key, index] of Object.entries(b)) merged[key] = Math.min(index, merged[key] ?? index);
  return merged;
}
