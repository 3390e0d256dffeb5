import type Type from 'typebox';
import { ContractError } from './errors.ts';
import type { Subject } from './names.ts';
import * as payloads from './payloads.ts';
import type { ProofIntent } from './proof.ts';

/** Who signs: the operator, a client key, one named service, or the runner named in the plan (protocol §3, §9). */
export type SignedBy =
  | { readonly role: 'operator' }
  | { readonly role: 'client'; readonly scope: string }
  | { readonly role: 'service'; readonly service: ServiceName }
  | { readonly role: 'runner' }
  /** Facts both the planner and the runner may write (`deploy.failed`). */
  | { readonly role: 'service-or-runner'; readonly service: ServiceName };

export const SERVICE_NAMES = ['tdln-gate', 'wallet-verifier', 'deploy-orchestrator'] as const;
/** The services whose facts are signed and logged. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

export type IntentRule = {
  readonly payload: Type.TSchema;
  readonly signedBy: SignedBy;
  readonly subject: Subject['kind'];
  /** The proof a deploy must spend. */
  readonly proof?: ProofIntent;
  /** The fact that commits together with this one, and the service that writes it (protocol §9, "Read your writes"). */
  readonly verdict?: { readonly intent: string; readonly service: ServiceName };
};

const client = (scope: string): SignedBy => ({ role: 'client', scope });
const service = (name: ServiceName): SignedBy => ({ role: 'service', service: name });
const runner: SignedBy = { role: 'runner' };

/** Every intent there is. What is not here is refused. */
export const INTENTS = {
  'registry.tenant.created': {
    payload: payloads.TenantCreated,
    signedBy: { role: 'operator' },
    subject: 'tenant',
  },
  'registry.log.adopted': {
    payload: payloads.LogAdopted,
    signedBy: { role: 'operator' },
    subject: 'tenant',
  },
  'registry.log.rotated': {
    payload: payloads.LogRotated,
    signedBy: { role: 'operator' },
    subject: 'tenant',
  },
  'registry.key.add': { payload: payloads.KeyAdd, signedBy: client('registry:key'), subject: 'tenant' },
  'registry.key.revoke': { payload: payloads.KeyRevoke, signedBy: client('registry:key'), subject: 'tenant' },
  'registry.apikey.create': {
    payload: payloads.ApikeyCreate,
    signedBy: client('registry:apikey'),
    subject: 'tenant',
  },
  'registry.apikey.revoke': {
    payload: payloads.ApikeyRevoke,
    signedBy: client('registry:apikey'),
    subject: 'tenant',
  },
  'registry.runner.add': {
    payload: payloads.RunnerAdd,
    signedBy: client('registry:runner'),
    subject: 'tenant',
  },
  'registry.runner.remove': {
    payload: payloads.RunnerRemove,
    signedBy: client('registry:runner'),
    subject: 'tenant',
  },
  'registry.log.publish': {
    payload: payloads.LogPublish,
    signedBy: client('registry:log'),
    subject: 'tenant',
  },
  'minicontainer.apply': {
    payload: payloads.MinicontainerApply,
    signedBy: client('deploy:apply'),
    subject: 'minicontainer',
    verdict: { intent: 'minicontainer.applied', service: 'tdln-gate' },
  },
  'minicontainer.applied': {
    payload: payloads.MinicontainerApplied,
    signedBy: service('tdln-gate'),
    subject: 'minicontainer',
  },
  'wallet.proof.submit': {
    payload: payloads.ProofSubmit,
    signedBy: client('prove:submit'),
    subject: 'minicontainer',
    verdict: { intent: 'wallet.proof.verified', service: 'wallet-verifier' },
  },
  'wallet.proof.verified': {
    payload: payloads.ProofVerified,
    signedBy: service('wallet-verifier'),
    subject: 'minicontainer',
  },
  'wallet.grant.revoke': {
    payload: payloads.GrantRevoke,
    signedBy: client('grant:revoke'),
    subject: 'minicontainer',
    verdict: { intent: 'wallet.grant.revoked', service: 'wallet-verifier' },
  },
  'wallet.grant.revoked': {
    payload: payloads.GrantRevoked,
    signedBy: service('wallet-verifier'),
    subject: 'minicontainer',
  },
  'deploy.apply': {
    payload: payloads.DeployApply,
    signedBy: client('deploy:apply'),
    subject: 'minicontainer',
    proof: 'deploy.allow',
  },
  'deploy.stop': {
    payload: payloads.DeployStop,
    signedBy: client('deploy:stop'),
    subject: 'minicontainer',
    proof: 'deploy.stop',
  },
  'deploy.planned': {
    payload: payloads.DeployPlanned,
    signedBy: service('deploy-orchestrator'),
    subject: 'minicontainer',
  },
  'deploy.failed': {
    payload: payloads.DeployFailed,
    signedBy: { role: 'service-or-runner', service: 'deploy-orchestrator' },
    subject: 'minicontainer',
  },
  'deploy.applied': { payload: payloads.DeployApplied, signedBy: runner, subject: 'minicontainer' },
  'grant.materialize': { payload: payloads.GrantMaterialize, signedBy: runner, subject: 'minicontainer' },
  'grant.materialized': { payload: payloads.GrantMaterialized, signedBy: runner, subject: 'minicontainer' },
  'run_state.pending': { payload: payloads.RunState, signedBy: runner, subject: 'minicontainer' },
  'run_state.running': { payload: payloads.RunState, signedBy: runner, subject: 'minicontainer' },
  'run_state.exited': { payload: payloads.RunState, signedBy: runner, subject: 'minicontainer' },
  'run_state.failed': { payload: payloads.RunState, signedBy: runner, subject: 'minicontainer' },
} as const satisfies Record<string, IntentRule>;

export type Intent = keyof typeof INTENTS;

export function isIntent(intent: string): intent is Intent {
  return Object.hasOwn(INTENTS, intent);
}

/** @throws ContractError `UNKNOWN_INTENT` */
export function ruleOf(intent: string): IntentRule {
  if (!isIntent(intent)) throw new ContractError('UNKNOWN_INTENT', `not an intent: ${intent.slice(0, 64)}`);
  return INTENTS[intent];
}
