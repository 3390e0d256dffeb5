import { parseInstant, parseSubject, type Span } from '@logline/contracts';
import { TdlnError } from './errors.ts';
import {
  DEPLOY_STEPS,
  deployOf,
  MAX_MANIFESTS,
  type Container,
  type DeployRecord,
  type DeployStep,
  type KeyEntry,
  type Knowledge,
} from './knowledge.ts';
import { chooseProof, type DeployStatement } from './proof-choice.ts';
import { toStatement, type Payloads, type Statement } from './statement.ts';

/** A logged span and its place. */
export type FoldedFact = { readonly span: Span; readonly index: number; readonly timeMs: number };

/** How long a proof is remembered past its expiry: longer than any clock here is off. */
const PROOF_MEMORY_MS = 5 * 60_000;

/**
 * Takes the next fact of the log into the knowledge. Deterministic: equal logs give equal knowledge, wherever and however
 * often they are folded. A fact already folded is ignored; an intent this version does not know only moves the index.
 *
 * @throws TdlnError `GAP` when a fact between is missing, `FOREIGN_FACT` when it is another tenant's
 */
export function fold(knowledge: Knowledge, fact: FoldedFact): void {
  if (fact.index <= knowledge.index) return;
  if (fact.index > knowledge.index + 1) {
    throw new TdlnError(
      'GAP',
      `fact ${fact.index} came after ${knowledge.index}: read the log from ${knowledge.index + 1}`,
    );
  }
  if (parseSubject(fact.span.subject).tenant !== knowledge.tenant) {
    throw new TdlnError(
      'FOREIGN_FACT',
      `a fact about ${fact.span.subject} is not of tenant ${knowledge.tenant}`,
    );
  }
  const { pending } = knowledge;
  knowledge.pending = null;
  const statement = toStatement(fact.span);
  if (statement !== null) evolve(knowledge, statement, fact, pending);
  knowledge.index = fact.index;
  knowledge.timeMs = Math.max(knowledge.timeMs, fact.timeMs);
  forgetExpiredProofs(knowledge);
}

function evolve(knowledge: Knowledge, statement: Statement, fact: FoldedFact, pending: Span | null): void {
  const { keys, tokens, runners } = knowledge;
  switch (statement.intent) {
    case 'registry.tenant.created':
      return createTenant(knowledge, statement.payload);
    case 'registry.log.adopted':
      return; // for people: nothing that may be done changes by it
    case 'registry.log.rotated': {
      const { log_key, from } = statement.payload;
      const fromMs = parseInstant(from);
      if (fromMs !== null) knowledge.rotations.push({ key: log_key, fromMs });
      return;
    }
    case 'registry.key.add': {
      const { kid, pub, scopes, exp } = statement.payload;
      keys.set(kid, clientKey(kid, pub, scopes, exp));
      return;
    }
    case 'registry.key.revoke': {
      const { kid, reason, since_index } = statement.payload;
      const key = keys.get(kid);
      if (key === undefined) return;
      // unsaid, nothing of a compromised key counts; and at the latest its revocation ends it
      const since = Math.min(since_index ?? 0, fact.index);
      keys.set(kid, { ...key, status: reason, compromisedSince: reason === 'compromised' ? since : null });
      return;
    }
    case 'registry.apikey.create': {
      const { token_id, hash, scopes, exp } = statement.payload;
      tokens.set(token_id, { tokenId: token_id, hash, scopes, expMs: toMs(exp), status: 'active' });
      return;
    }
    case 'registry.apikey.revoke': {
      const token = tokens.get(statement.payload.token_id);
      if (token !== undefined) tokens.set(token.tokenId, { ...token, status: 'revoked' });
      return;
    }
    case 'registry.runner.add': {
      const { runner, kid, pub, hpke_pub, providers, allow } = statement.payload;
      keys.set(kid, {
        kid,
        pub,
        role: 'runner',
        name: runner,
        scopes: [],
        expMs: null,
        status: 'active',
        compromisedSince: null,
      });
      runners.set(runner, {
        runner,
        kid,
        hpkePub: hpke_pub,
        providers,
        allow: allow ?? {},
        status: 'active',
      });
      return;
    }
    case 'registry.runner.remove': {
      const runner = runners.get(statement.payload.runner);
      if (runner === undefined) return;
      runners.set(runner.runner, { ...runner, status: 'removed' });
      const key = keys.get(runner.kid);
      if (key !== undefined) keys.set(key.kid, { ...key, status: 'removed' });
      return;
    }
    case 'registry.log.publish': // for whoever serves the log; no verdict rests on it
      return;
    case 'minicontainer.apply':
    case 'wallet.proof.submit':
    case 'wallet.grant.revoke':
      knowledge.pending = statement.span;
      causes.set(statement.span, statement);
      return;
    case 'minicontainer.applied':
      if (statement.payload.ok) applyManifest(knowledge, pending, statement.payload.ref, fact);
      return;
    case 'wallet.proof.verified':
      if (statement.payload.decision === 'allow') allowProof(knowledge, pending, fact);
      return;
    case 'wallet.grant.revoked':
      containerOf(knowledge, statement.span.subject).revokedGrants.add(statement.payload.grant);
      return;
    case 'deploy.apply':
    case 'deploy.stop':
      return askDeploy(knowledge, statement, fact.index);
    case 'deploy.planned': {
      const { deploy, runner, ref } = statement.payload;
      return moveDeploy(knowledge, statement.span, deploy, (record) => ({
        ...record,
        runner,
        ref,
        step: forward(record, 'planned'),
      }));
    }
    case 'deploy.failed':
      return closeDeploy(knowledge, statement.span, statement.payload.deploy);
    case 'grant.materialize':
      return stepDeploy(knowledge, statement.span, statement.payload.deploy, 'materializing');
    case 'grant.materialized':
      return stepDeploy(knowledge, statement.span, statement.payload.deploy, 'materialized');
    case 'deploy.applied':
      // a stop is done when its runner says so; the run it ended closes by its own run_state
      return statement.payload.action === 'stop'
        ? closeDeploy(knowledge, statement.span, statement.payload.deploy)
        : stepDeploy(knowledge, statement.span, statement.payload.deploy, 'applied');
    case 'run_state.pending':
      return stepDeploy(knowledge, statement.span, statement.payload.deploy, 'pending');
    case 'run_state.running':
      return stepDeploy(knowledge, statement.span, statement.payload.deploy, 'running');
    case 'run_state.exited':
    case 'run_state.failed':
      return closeDeploy(knowledge, statement.span, statement.payload.deploy);
  }
}

function createTenant(knowledge: Knowledge, payload: Payloads['registry.tenant.created']): void {
  const { root, services, api_key, origin, log_key } = payload;
  knowledge.log = { origin, key: log_key };
  knowledge.root = root.kid;
  knowledge.keys.set(root.kid, clientKey(root.kid, root.pub, root.scopes, undefined));
  for (const { service, kid, pub } of services) {
    knowledge.keys.set(kid, {
      kid,
      pub,
      role: 'service',
      name: service,
      scopes: [],
      expMs: null,
      status: 'active',
      compromisedSince: null,
    });
  }
  const { token_id, hash, scopes, exp } = api_key;
  knowledge.tokens.set(token_id, { tokenId: token_id, hash, scopes, expMs: toMs(exp), status: 'active' });
}

function clientKey(kid: string, pub: string, scopes: readonly string[], exp: string | undefined): KeyEntry {
  return {
    kid,
    pub,
    role: 'client',
    name: kid,
    scopes,
    expMs: toMs(exp),
    status: 'active',
    compromisedSince: null,
  };
}

function toMs(instant: string | undefined): number | null {
  return instant === undefined ? null : parseInstant(instant);
}

function containerOf(knowledge: Knowledge, subject: string): Container {
  const known = knowledge.containers.get(subject);
  if (known !== undefined) return known;
  const container: Container = {
    subject,
    current: null,
    manifests: new Map(),
    deploys: new Map(),
    revokedGrants: new Set(),
    unspentProofs: new Set(),
  };
  knowledge.containers.set(subject, container);
  return container;
}

/** Of spans whose verdict is the next fact: their payload has been looked at. */
const causes = new WeakMap<Span, Statement>();

function causeOf(pending: Span | null): Statement | null {
  return pending === null ? null : (causes.get(pending) ?? toStatement(pending));
}

function applyManifest(
  knowledge: Knowledge,
  cause: Span | null,
  ref: string,
  { index, timeMs }: FoldedFact,
): void {
  const statement = causeOf(cause);
  if (statement?.intent !== 'minicontainer.apply' || !('manifest' in statement.payload)) return;
  const { manifest } = statement.payload;
  const container = containerOf(knowledge, statement.span.subject);
  const earlier = container.manifests.get(ref);
  container.manifests.delete(ref); // so that it is the latest again
  container.manifests.set(ref, earlier ?? { ref, manifest, index, timeMs });
  container.current = ref;
  forgetOldManifests(container);
}

function forgetOldManifests(container: Container): void {
  if (container.manifests.size <= MAX_MANIFESTS) return;
  const needed = new Set([container.current]);
  for (const record of container.deploys.values()) if (record.step !== 'closed') needed.add(record.ref);
  for (const ref of container.manifests.keys()) {
    if (container.manifests.size <= MAX_MANIFESTS) return;
    if (!needed.has(ref)) container.manifests.delete(ref);
  }
}

function allowProof(knowledge: Knowledge, cause: Span | null, { index }: FoldedFact): void {
  const statement = causeOf(cause);
  if (statement?.intent !== 'wallet.proof.submit') return;
  const { id, subject, intent, ref, kid, aud, exp } = statement.payload.proof;
  const expMs = parseInstant(exp);
  if (expMs === null) return;
  knowledge.proofs.delete(id); // an expired one of the same id may still be remembered
  knowledge.proofs.set(id, {
    id,
    subject,
    intent,
    ref: ref ?? null,
    kid,
    aud: aud ?? [],
    expMs,
    index,
    spentBy: null,
  });
  containerOf(knowledge, subject).unspentProofs.add(id);
}

/** Proofs expire within minutes of each other, so the oldest are looked at and the first still good ends the search. */
function forgetExpiredProofs(knowledge: Knowledge): void {
  for (const proof of knowledge.proofs.values()) {
    if (proof.expMs + PROOF_MEMORY_MS >= knowledge.timeMs) return;
    knowledge.proofs.delete(proof.id);
    knowledge.containers.get(proof.subject)?.unspentProofs.delete(proof.id);
  }
}

function askDeploy(knowledge: Knowledge, statement: DeployStatement, index: number): void {
  const { span, payload } = statement;
  const proof = chooseProof(statement, knowledge);
  const spent = proof === null ? null : { ...proof, spentBy: span.this };
  const container = containerOf(knowledge, span.subject);
  if (spent !== null) {
    knowledge.proofs.set(spent.id, spent); // keeps its place in the order
    container.unspentProofs.delete(spent.id);
  }
  container.deploys.set(index, {
    deploy: span.this,
    lease: index,
    action: statement.intent === 'deploy.apply' ? 'apply' : 'stop',
    ref: statement.intent === 'deploy.apply' ? statement.payload.ref : null,
    target: payload.target,
    kid: span.signature.kid,
    proof: spent,
    runner: null,
    step: 'asked',
    closedBy: null,
  });
}

function moveDeploy(
  knowledge: Knowledge,
  { subject }: Span,
  deploy: string,
  move: (record: DeployRecord) => DeployRecord,
): void {
  const record = deployOf(knowledge, subject, deploy);
  if (record !== null && record.step !== 'closed')
    containerOf(knowledge, subject).deploys.set(record.lease, move(record));
}

function stepDeploy(knowledge: Knowledge, span: Span, deploy: string, step: DeployStep): void {
  moveDeploy(knowledge, span, deploy, (record) => ({ ...record, step: forward(record, step) }));
}

/** A run that starts again reports earlier steps again; the record keeps the farthest. */
function forward({ step }: DeployRecord, next: DeployStep): DeployStep {
  return DEPLOY_STEPS.indexOf(next) > DEPLOY_STEPS.indexOf(step) ? next : step;
}

function closeDeploy(knowledge: Knowledge, span: Span, deploy: string): void {
  moveDeploy(knowledge, span, deploy, (record) => ({ ...record, step: 'closed', closedBy: span.intent }));
  const closed = deployOf(knowledge, span.subject, deploy);
  if (closed === null) return;
  const { deploys } = containerOf(knowledge, span.subject);
  for (const record of deploys.values()) {
    const isOlder =
      record.lease < closed.lease && record.action === closed.action && record.step === 'closed';
    if (isOlder) deploys.delete(record.lease);
  }
}
