import type { Grant } from '@logline/contracts';
import { grantExpiryMs, grantsInUse, standingFault } from './grant-check.ts';
import { Hearing } from './hearing.ts';
import {
  appliedManifest,
  grantOf,
  isCompromisedAt,
  type DeployRecord,
  type Knowledge,
  type ManifestEntry,
} from './knowledge.ts';

/** What a runner may do for one deploy, as the log stands. */
export type DeployAuthority = {
  readonly subject: string;
  readonly record: DeployRecord;
  /** What is to run; null for a stop that is not planned yet. */
  readonly manifest: ManifestEntry | null;
  /** The grants that `env` names, each with the moment from which it opens nothing. */
  readonly grants: readonly { readonly grant: Grant; readonly expiresMs: number }[];
  /** Why not, in words; empty when the runner may go on. */
  readonly refusals: readonly string[];
};

/**
 * Whether a deploy that was asked for may still go on: open, its manifest and grants neither compromised, revoked nor expired
 * (protocol §3, §6). Null when the log has no such deploy, or it closed long ago. What allowed it when it was asked for (its
 * signer, its proof) was judged there and stands in the record.
 */
export function deployAuthority(
  knowledge: Knowledge,
  deploySpanId: string,
  nowMs: number,
): DeployAuthority | null {
  for (const container of knowledge.containers.values()) {
    for (const record of container.deploys.values()) {
      if (record.deploy === deploySpanId) return authorityOf(knowledge, container.subject, record, nowMs);
    }
  }
  return null;
}

function authorityOf(
  knowledge: Knowledge,
  subject: string,
  record: DeployRecord,
  nowMs: number,
): DeployAuthority {
  const refusals: string[] = [];
  if (record.step === 'closed') refusals.push(`the deploy is closed by ${record.closedBy ?? 'a later fact'}`);
  const manifest = record.ref === null ? null : appliedManifest(knowledge, subject, record.ref);
  if (record.ref !== null && manifest === null) refusals.push(`the manifest ${record.ref} is not applied`);
  if (record.runner !== null && knowledge.runners.get(record.runner)?.status !== 'active') {
    refusals.push(`the runner ${record.runner} was removed`);
  }
  if (manifest === null || record.action === 'stop')
    return { subject, record, manifest, grants: [], refusals };
  const { kid } = manifest.manifest.provenance;
  if (isCompromisedAt(knowledge, kid, manifest.index))
    refusals.push(`the manifest was signed by ${kid}, which is compromised`);
  const hearing = new Hearing(knowledge, nowMs);
  const grants = grantsInUse(manifest.manifest).flatMap((id) => {
    const grant = grantOf(manifest.manifest, id);
    if (grant === null) return [];
    const fault = standingFault(hearing, subject, grant, manifest);
    if (fault !== null) refusals.push(fault.detail.message);
    return [{ grant, expiresMs: grantExpiryMs(grant, manifest.timeMs) ?? 0 }];
  });
  return { subject, record, manifest, grants, refusals };
}
