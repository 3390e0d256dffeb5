import {
  checkerOf,
  INTENTS,
  isIntent,
  type ApikeyCreate,
  type ApikeyRevoke,
  type Checker,
  type DeployApplied,
  type DeployApply,
  type DeployFailed,
  type DeployPlanned,
  type DeployStop,
  type GrantMaterialize,
  type GrantMaterialized,
  type GrantRevoke,
  type GrantRevoked,
  type Intent,
  type KeyAdd,
  type KeyRevoke,
  type LogPublish,
  type LogAdopted,
  type LogRotated,
  type MinicontainerApplied,
  type MinicontainerApply,
  type ProofSubmit,
  type ProofVerified,
  type RunnerAdd,
  type RunnerRemove,
  type RunState,
  type Span,
  type TenantCreated,
} from '@logline/contracts';

/** What each intent's payload is, once its schema has been checked. */
export type Payloads = {
  'registry.tenant.created': TenantCreated;
  'registry.log.adopted': LogAdopted;
  'registry.log.rotated': LogRotated;
  'registry.key.add': KeyAdd;
  'registry.key.revoke': KeyRevoke;
  'registry.apikey.create': ApikeyCreate;
  'registry.apikey.revoke': ApikeyRevoke;
  'registry.runner.add': RunnerAdd;
  'registry.runner.remove': RunnerRemove;
  'registry.log.publish': LogPublish;
  'minicontainer.apply': MinicontainerApply;
  'minicontainer.applied': MinicontainerApplied;
  'wallet.proof.submit': ProofSubmit;
  'wallet.proof.verified': ProofVerified;
  'wallet.grant.revoke': GrantRevoke;
  'wallet.grant.revoked': GrantRevoked;
  'deploy.apply': DeployApply;
  'deploy.stop': DeployStop;
  'deploy.planned': DeployPlanned;
  'deploy.failed': DeployFailed;
  'deploy.applied': DeployApplied;
  'grant.materialize': GrantMaterialize;
  'grant.materialized': GrantMaterialized;
  'run_state.pending': RunState;
  'run_state.running': RunState;
  'run_state.exited': RunState;
  'run_state.failed': RunState;
};

/** A span whose payload is what its intent says. */
export type Statement = {
  [I in Intent]: { readonly intent: I; readonly payload: Payloads[I]; readonly span: Span };
}[Intent];

const checkers = new Map<Intent, Checker<unknown>>();

export function payloadChecker(intent: Intent): Checker<unknown> {
  const known = checkers.get(intent);
  if (known !== undefined) return known;
  const checker: Checker<unknown> = checkerOf(INTENTS[intent].payload);
  checkers.set(intent, checker);
  return checker;
}

/** The span with its payload typed; null when the intent is unknown or the payload is not what it says. */
export function toStatement(span: Span): Statement | null {
  if (!isIntent(span.intent) || !payloadChecker(span.intent).check(span.payload)) return null;
  // parse boundary: the intent's own checker has just accepted the payload
  return { intent: span.intent, payload: span.payload, span } as unknown as Statement;
}
