import type { Span } from '@logline/contracts';
import {
  grantKey,
  kidKey,
  leaseKey,
  LOG_KEY,
  manifestKey,
  proofKey,
  proofsKey,
  refKey,
  REGISTRY_KEY,
  runnerKey,
  TENANT_KEY,
  tokenKey,
} from './keys.ts';
import type { Knowledge } from './knowledge.ts';
import { chooseProof } from './proof-choice.ts';
import { toStatement } from './statement.ts';

/**
 * The keys that a fact changes: what `fold` will touch, and what the ledger marks as written when it commits. A cause that has
 * a verdict changes nothing by itself; its verdict does. One function for both, so that the two can never differ.
 */
export function writesOf(span: Span, knowledge: Knowledge): readonly string[] {
  const statement = toStatement(span);
  if (statement === null) return [];
  const { subject } = span;
  switch (statement.intent) {
    case 'registry.tenant.created': {
      const { root, services, api_key } = statement.payload;
      return [
        TENANT_KEY,
        REGISTRY_KEY,
        kidKey(root.kid),
        ...services.map((service) => kidKey(service.kid)),
        tokenKey(api_key.token_id),
      ];
    }
    case 'registry.log.adopted':
      return [];
    case 'registry.log.rotated':
      return [LOG_KEY];
    case 'registry.key.add':
    case 'registry.key.revoke':
      return [kidKey(statement.payload.kid), REGISTRY_KEY];
    case 'registry.apikey.create':
    case 'registry.apikey.revoke':
      return [tokenKey(statement.payload.token_id), REGISTRY_KEY];
    case 'registry.runner.add':
      return [runnerKey(statement.payload.runner), kidKey(statement.payload.kid), REGISTRY_KEY];
    case 'registry.runner.remove': {
      const kid = knowledge.runners.get(statement.payload.runner)?.kid;
      return [runnerKey(statement.payload.runner), ...(kid === undefined ? [] : [kidKey(kid)]), REGISTRY_KEY];
    }
    case 'registry.log.publish':
    case 'minicontainer.apply':
    case 'wallet.proof.submit':
    case 'wallet.grant.revoke':
      return [];
    case 'minicontainer.applied':
      return statement.payload.ok ? [manifestKey(subject), refKey(statement.payload.ref)] : [];
    case 'wallet.proof.verified':
      return statement.payload.decision === 'allow'
        ? [proofKey(statement.payload.proof), proofsKey(subject)]
        : [];
    case 'wallet.grant.revoked':
      return [grantKey(subject, statement.payload.grant)];
    case 'deploy.apply':
    case 'deploy.stop': {
      const proof = chooseProof(statement, knowledge);
      return [leaseKey(subject), proofsKey(subject), ...(proof === null ? [] : [proofKey(proof.id)])];
    }
    case 'deploy.planned':
    case 'deploy.failed':
    case 'deploy.applied':
    case 'grant.materialize':
    case 'grant.materialized':
    case 'run_state.pending':
    case 'run_state.running':
    case 'run_state.exited':
    case 'run_state.failed':
      return [leaseKey(subject)];
  }
}
