import { INTENTS, type ProofIntent } from '@logline/contracts';
import type { Knowledge, ProofEntry } from './knowledge.ts';
import type { Statement } from './statement.ts';

export type DeployStatement = Extract<Statement, { intent: 'deploy.apply' | 'deploy.stop' }>;

/** What a proof must say to serve this deploy. */
export type ProofNeed = {
  readonly intent: ProofIntent;
  readonly subject: string;
  /** Null for a stop, which stops whatever runs. */
  readonly ref: string | null;
  /** Who signed the deploy. */
  readonly kid: string;
};

export function proofNeed(deploy: DeployStatement): ProofNeed {
  return {
    intent: INTENTS[deploy.intent].proof,
    subject: deploy.span.subject,
    ref: deploy.intent === 'deploy.apply' ? deploy.payload.ref : null,
    kid: deploy.span.signature.kid,
  };
}

/**
 * The proof that this deploy spends: the one it names, else of all that fit the one that expires last (ties: the one allowed
 * first). Null when there is none. Time plays no part, so that gate, ledger fold and runner choose alike; whoever judges
 * looks at the expiry of what was chosen.
 */
export function chooseProof(deploy: DeployStatement, knowledge: Knowledge): ProofEntry | null {
  const need = proofNeed(deploy);
  const { proof: named } = deploy.payload;
  if (named !== undefined) {
    const proof = knowledge.proofs.get(named);
    return proof !== undefined && misfitOf(proof, need, knowledge) === null ? proof : null;
  }
  let best: ProofEntry | null = null;
  for (const id of knowledge.containers.get(need.subject)?.unspentProofs ?? []) {
    const proof = knowledge.proofs.get(id);
    if (proof === undefined || misfitOf(proof, need, knowledge) !== null) continue;
    if (best === null || proof.expMs > best.expMs) best = proof;
  }
  return best;
}

/** Why a proof cannot serve; null when it can. */
export function misfitOf(proof: ProofEntry, need: ProofNeed, knowledge: Knowledge): string | null {
  if (proof.spentBy !== null) return 'it is spent';
  if (proof.subject !== need.subject) return `it is for ${proof.subject}`;
  if (proof.intent !== need.intent) return `it allows ${proof.intent}`;
  if (proof.ref !== null && need.ref !== null && proof.ref !== need.ref) return `it is for ${proof.ref}`;
  if (proof.kid !== need.kid && !proof.aud.includes(need.kid))
    return `it serves ${proof.kid} and not ${need.kid}`;
  if (knowledge.keys.get(proof.kid)?.status !== 'active') return `its key ${proof.kid} is revoked`;
  return null;
}
