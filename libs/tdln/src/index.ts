export { deployAuthority, type DeployAuthority } from './deploy-authority.ts';
export { TDLN_FAULTS, TdlnError, type TdlnErrorCode } from './errors.ts';
export { FAULTS, type FaultName } from './fault.ts';
export { fold, type FoldedFact } from './fold.ts';
export { grantExpiryMs, grantsInUse } from './grant-check.ts';
export { mergeReads } from './keys.ts';
export {
  appliedManifest,
  currentManifest,
  DEPLOY_STEPS,
  deployOf,
  emptyKnowledge,
  grantOf,
  isCompromisedAt,
  logKeyAt,
  MAX_MANIFESTS,
  openDeploys,
  type Container,
  type DeployRecord,
  type DeployStep,
  type KeyEntry,
  type Knowledge,
  type LogRotation,
  type ManifestEntry,
  type ProofEntry,
  type RunnerEntry,
  type TokenEntry,
} from './knowledge.ts';
export { checkManifest, type ManifestCheck, type ManifestOptions } from './manifest-check.ts';
export { manifestHash, refOf, specHash } from './manifest-ref.ts';
export { verifyProof, type ProofVerdict } from './proof-check.ts';
export { type No } from './reply.ts';
export { type Asker, type OperatorKey } from './signer.ts';
export { parseSnapshot, parseSnapshotText, snapshotOf, snapshotText } from './snapshot.ts';
export { validate, type ValidateInput, type Verdict, type VerdictNo, type VerdictOk } from './validate.ts';
export { TenantKnowledge, type Lack, type StoredFact } from './tenant-knowledge.ts';
export { toUnavailable, toUnreadable } from './unreadable.ts';
export { verdictSpan } from './verdict-span.ts';
export { verifyFact, type VerifyFactOptions } from './verify-fact.ts';
export { writesOf } from './writes.ts';
