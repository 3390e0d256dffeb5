import { formatInstant, formatTarget, matchesTarget, type Target } from '@logline/contracts';
import { faultOf } from './fault.ts';
import { checkGrantsFor } from './grant-check.ts';
import type { Hearing } from './hearing.ts';
import { kidKey, leaseKey, proofKey, proofsKey, refKey } from './keys.ts';
import { appliedManifest, currentManifest, isCompromisedAt, openDeploys } from './knowledge.ts';
import { chooseProof, misfitOf, proofNeed, type DeployStatement } from './proof-choice.ts';

/** Whether this deploy or stop may be: a manifest that was applied, a target it names, grants that open, and a proof (protocol §4, §6, §9). */
export function judgeDeploy(hearing: Hearing, statement: DeployStatement): void {
  const { subject } = statement.span;
  if (statement.intent === 'deploy.apply') {
    const { ref, target } = statement.payload;
    hearing.read(refKey(ref));
    const entry = appliedManifest(hearing.knowledge, subject, ref);
    if (entry === null) return hearing.refuse(faultOf('ref_unknown', '/payload/ref', { ref, subject }));
    const { kid } = entry.manifest.provenance;
    hearing.read(kidKey(kid));
    if (isCompromisedAt(hearing.knowledge, kid, entry.index)) {
      hearing.refuse(faultOf('manifest_compromised', '/payload/ref', { ref, kid }));
    }
    const isAllowed = checkTarget(hearing, target, entry.manifest.deploy.targets);
    if (isAllowed) checkGrantsFor(hearing, subject, entry, target);
  } else {
    hearing.read(leaseKey(subject));
    // what runs can be stopped even after its target left the manifest
    const running = openDeploys(hearing.knowledge, subject).map((record) => record.target);
    const named = currentManifest(hearing.knowledge, subject)?.manifest.deploy.targets ?? [];
    checkTarget(hearing, statement.payload.target, [...named, ...running]);
  }
  // a proof is asked for last: nobody should make one for a deploy that cannot be
  if (hearing.faults.length === 0) checkProof(hearing, statement);
}

function checkTarget(hearing: Hearing, target: Target, allowed: readonly Target[]): boolean {
  if (allowed.some((entry) => matchesTarget(target, entry))) return true;
  const targets = [...new Set(allowed.map(formatTarget))].join(' ');
  hearing.refuse(faultOf('target_denied', '/payload/target', { target: formatTarget(target), targets }));
  return false;
}

function checkProof(hearing: Hearing, statement: DeployStatement): void {
  const { knowledge, nowMs } = hearing;
  const need = proofNeed(statement);
  const { proof: named } = statement.payload;
  hearing.read(proofsKey(need.subject), ...(named === undefined ? [] : [proofKey(named)]));
  // revoking a key ends its unused proofs, so a choice rests on the keys of all that it chose from
  for (const id of knowledge.containers.get(need.subject)?.unspentProofs ?? []) {
    const candidate = knowledge.proofs.get(id);
    if (candidate !== undefined) hearing.read(kidKey(candidate.kid));
  }
  const proof = chooseProof(statement, knowledge);
  if (proof !== null && proof.expMs >= nowMs) {
    hearing.read(proofKey(proof.id));
    hearing.until(proof.expMs);
    return;
  }
  const known = named === undefined ? undefined : knowledge.proofs.get(named);
  let why = 'there is none unspent';
  if (proof !== null) why = `the latest expired at ${formatInstant(proof.expMs)}`;
  else if (named !== undefined)
    why = known === undefined ? `there is no proof ${named}` : (misfitOf(known, need, knowledge) ?? why);
  hearing.refuse(
    faultOf('proof_required', '/payload/proof', {
      intent: need.intent,
      subject: need.subject,
      ref: need.ref ?? 'whatever runs',
      ref_option: need.ref === null ? '' : ` --ref ${need.ref}`,
      kid: need.kid,
      why,
    }),
  );
}
