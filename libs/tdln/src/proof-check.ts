import { hasScope, MAX_PROOF_MS, parseInstant, type Proof } from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';
import { AHEAD_MS, Hearing } from './hearing.ts';
import { kidKey, proofKey, refKey } from './keys.ts';
import { appliedManifest, type Knowledge } from './knowledge.ts';
import { fullRef } from './short-ref.ts';
import { subjectOf } from './form.ts';
import { isSignedBy } from './signature.ts';
import { keyFault } from './signer.ts';

/** What of a proof shows by itself: times, tenant, subject, and the ref it must name (protocol §9). `at` is where it stands. */
export function proofFormFaults(proof: Proof, tenant: string, subject: string, at: string): readonly Fault[] {
  const faults: Fault[] = [];
  const iatMs = parseInstant(proof.iat);
  const expMs = parseInstant(proof.exp);
  if (proof.tenant !== tenant)
    faults.push(faultOf('tenant_differs', `${at}/tenant`, { named: proof.tenant, tenant }));
  if (proof.subject !== subject)
    faults.push(faultOf('proof_subject', `${at}/subject`, { named: proof.subject, subject }));
  if (iatMs === null) faults.push(faultOf('no_such_time', `${at}/iat`, { example: '2026-01-31T12:00:00Z' }));
  if (expMs === null) faults.push(faultOf('no_such_time', `${at}/exp`, { example: '2026-01-31T12:15:00Z' }));
  if (iatMs !== null && expMs !== null && (expMs <= iatMs || expMs - iatMs > MAX_PROOF_MS)) {
    faults.push(faultOf('proof_too_long', `${at}/exp`, { intent: proof.intent, subject }));
  }
  if (proof.ref === undefined && proof.intent !== 'deploy.stop') {
    faults.push(faultOf('proof_ref_missing', `${at}/ref`, { intent: proof.intent, subject }));
  }
  if (proof.ref !== undefined) faults.push(...refSubjectFaults(proof.ref, subject, `${at}/ref`));
  return faults;
}

/** A ref is of the very container that the subject names. */
export function refSubjectFaults(ref: string, subjectUrn: string, at: string): readonly Fault[] {
  const subject = subjectOf(subjectUrn);
  const named = fullRef(ref);
  if (named === null || subject?.kind !== 'minicontainer') return [];
  if (named.tenant === subject.tenant && named.name === subject.name) return [];
  return [
    faultOf('ref_of_other', at, { subject: subjectUrn, prefix: `mc:${subject.tenant}/${subject.name}@` }),
  ];
}

export type ProofVerdict = {
  readonly decision: 'allow' | 'deny';
  /** Why not, and what to do; empty when allowed. At most 16. */
  readonly reasons: readonly string[];
  readonly faults: readonly Fault[];
  readonly reads: Readonly<Record<string, number>>;
  /** Until when an allow holds: the proof's own expiry, or its key's. */
  readonly validUntilMs: number | undefined;
};

/**
 * The verdict on a proof: its signature is by a registered key that may prove this and is active, it is neither expired nor
 * used, and what it allows is an applied manifest of its container (protocol §9). The wallet-verifier writes it down, and the
 * runner comes to the same one by itself.
 *
 * @param nowMs - log time of the verdict, or the present
 * @param aheadMs - how far a wallet's clock may be ahead of that
 */
export function verifyProof(
  proof: Proof,
  knowledge: Knowledge,
  nowMs: number,
  aheadMs: number = AHEAD_MS,
): ProofVerdict {
  const hearing = new Hearing(knowledge, nowMs, aheadMs);
  const at = '/payload/proof';
  hearing.refuse(...proofFormFaults(proof, knowledge.tenant, proof.subject, at));
  checkProofKey(hearing, proof, at);
  checkProofTimes(hearing, proof, at);
  hearing.read(proofKey(proof.id));
  if (knowledge.proofs.has(proof.id))
    hearing.refuse(faultOf('id_taken', `${at}/id`, { what: 'the proof', id: proof.id }));
  if (proof.ref !== undefined) {
    hearing.read(refKey(proof.ref));
    if (appliedManifest(knowledge, proof.subject, proof.ref) === null) {
      hearing.refuse(faultOf('ref_unknown', `${at}/ref`, { ref: proof.ref, subject: proof.subject }));
    }
  }
  const { faults, reads, validUntilMs } = hearing;
  const reasons = faults.map(({ detail }) => `${detail.message}; ${detail.fix}`.slice(0, 1024)).slice(0, 16);
  return { decision: faults.length === 0 ? 'allow' : 'deny', reasons, faults, reads, validUntilMs };
}

function checkProofKey(hearing: Hearing, proof: Proof, at: string): void {
  const { kid } = proof;
  hearing.read(kidKey(kid));
  const key = hearing.knowledge.keys.get(kid);
  if (key?.role !== 'client') {
    return hearing.refuse(faultOf('kid_unknown', `${at}/kid`, { kid, tenant: hearing.knowledge.tenant }));
  }
  if (!isSignedBy('proof', proof, key.pub))
    return hearing.refuse(faultOf('signature_wrong', `${at}/sig`, { kid }));
  const standing = keyFault(key, hearing.nowMs, `${at}/kid`);
  if (standing !== null) return hearing.refuse(standing);
  hearing.until(key.expMs);
  const scope = `prove:${proof.intent}`;
  if (!hasScope(key.scopes, scope)) hearing.refuse(faultOf('scope_missing', `${at}/kid`, { kid, scope }));
}

function checkProofTimes(hearing: Hearing, { iat, exp, intent, subject }: Proof, at: string): void {
  const iatMs = parseInstant(iat);
  const expMs = parseInstant(exp);
  if (iatMs === null || expMs === null) return; // said as a fault of form
  if (hearing.nowMs > expMs) hearing.refuse(faultOf('proof_expired', `${at}/exp`, { exp, intent, subject }));
  if (iatMs > hearing.nowMs + hearing.aheadMs) hearing.refuse(faultOf('proof_ahead', `${at}/iat`, { iat }));
  hearing.until(expMs);
}
