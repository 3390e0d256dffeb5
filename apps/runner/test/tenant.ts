import { randomBytes } from 'node:crypto';
import { type JsonValue } from '@logline/canon-sign';
import type { DeploySpec, Span, Target } from '@logline/contracts';
import { formatInstant } from '@logline/contracts';
import { specHash } from '@logline/tdln';
import {
  applySpan,
  deploySpan,
  proofFor,
  proofSpan,
  RUNNER,
  runnerAddSpan,
  runnerHpkeKey,
  signedSpan,
  stopSpan,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testKey,
} from '@logline/testing';
import { hashArtifact, makeGrant, sealArtifact, wrapContentKey } from '@logline/wallet';
import { TestLog } from './test-log.ts';

const SUBJECT = 'web';
let proofs = 0;

/** A tenant of its own with a runner, and what its people and services write into its log. */
export class Tenant {
  readonly tenant: string;
  readonly provider: 'docker' | 'podman';
  readonly log: TestLog;
  readonly subject: string;

  private constructor(tenant: string, provider: 'docker' | 'podman') {
    this.tenant = tenant;
    this.provider = provider;
    this.subject = `urn:minicontainer:${tenant}/${SUBJECT}`;
    this.log = new TestLog(tenant, `${TEST_ORIGIN}/${tenant}`);
  }

  static async born(provider: 'docker' | 'podman'): Promise<Tenant> {
    const tenant = new Tenant(`t${randomBytes(4).toString('hex')}`, provider);
    const by = { tenant: tenant.tenant, tsMs: Date.now() };
    tenant.log.append(tenantCreatedSpan(by).span);
    tenant.log.append((await runnerAddSpan({ ...by, providers: [provider] })).span);
    return tenant;
  }

  get target(): Target {
    return { provider: this.provider };
  }

  /** Seals the secrets, signs the manifest and applies it. */
  async apply(
    deploy: Partial<DeploySpec>,
    secrets: Readonly<Record<string, string>> = {},
    options: { ttl?: string; aud?: string; wrapTo?: string } = {},
  ): Promise<string> {
    const sealed = await Promise.all(
      Object.entries(secrets).map(([id, value]) => this.#seal(id, value, options)),
    );
    const { span, ref } = applySpan({
      tenant: this.tenant,
      tsMs: Date.now(),
      manifest: {
        tsMs: Date.now(),
        version: `1.0.${this.log.facts.length}`,
        artifacts: sealed.map(({ artifact }) => artifact),
        grants: sealed.map(({ grant }) => grant),
        deploy: { targets: [this.target], ...deploy },
      },
    });
    this.log.append(span, { isCovered: false });
    this.#service('tdln-gate', 'minicontainer.applied', { cause: span.this, ok: true, ref });
    return ref;
  }

  /** Proves, deploys and plans; gives the lease. */
  deploy(ref: string, { withinMs = 60_000 }: { withinMs?: number } = {}): number {
    this.#prove('deploy.allow', ref);
    const { span } = deploySpan({
      tenant: this.tenant,
      tsMs: Date.now(),
      subject: this.subject,
      ref,
      target: { ...this.target },
      nth: this.log.facts.length,
    });
    const lease = this.log.append(span).place.index;
    const { deploy } = this.#manifest(ref);
    this.#plan(span, 'apply', ref, lease, specHash(ref, deploy, this.target), withinMs);
    return lease;
  }

  stop(ref: string): number {
    this.#prove('deploy.stop');
    const { span } = stopSpan({
      tenant: this.tenant,
      tsMs: Date.now(),
      subject: this.subject,
      target: { ...this.target },
      nth: this.log.facts.length,
    });
    const lease = this.log.append(span).place.index;
    const { deploy } = this.#manifest(ref);
    this.#plan(span, 'stop', ref, lease, specHash(ref, deploy, this.target), 60_000);
    return lease;
  }

  /** As the orchestrator does when a deadline has passed. */
  fail(lease: number, why: string): void {
    const span = this.log.spans[lease];
    this.#service('deploy-orchestrator', 'deploy.failed', {
      deploy: span?.this,
      lease,
      runner: RUNNER,
      why,
      message: why,
    });
  }

  revoke(grant: string): void {
    const span = signedSpan({
      intent: 'wallet.grant.revoke',
      subject: this.subject,
      payload: { grant },
      tsMs: Date.now(),
    });
    this.log.append(span.span, { isCovered: false });
    this.#service('wallet-verifier', 'wallet.grant.revoked', { cause: span.span.this, grant });
  }

  #manifest(ref: string) {
    const entry = this.log.knowledge.containers.get(this.subject)?.manifests.get(ref);
    if (entry === undefined) throw new Error('not applied');
    return entry.manifest;
  }

  #plan(
    cause: Span,
    action: 'apply' | 'stop',
    ref: string,
    lease: number,
    hash: string,
    withinMs: number,
  ): void {
    const deadline = formatInstant(Date.now() + withinMs);
    const payload = {
      deploy: cause.this,
      action,
      ref,
      target: { ...this.target },
      runner: RUNNER,
      lease,
      deadline,
      spec_hash: hash,
    };
    this.#service('deploy-orchestrator', 'deploy.planned', payload);
  }

  #prove(intent: 'deploy.allow' | 'deploy.stop', ref?: string): void {
    const id = `proof${++proofs}`;
    const proof = proofFor({
      tenant: this.tenant,
      subject: this.subject,
      intent,
      ref,
      id,
      iatMs: Date.now(),
    });
    const { span } = proofSpan({ proof, tsMs: Date.now() });
    this.log.append(span, { isCovered: false });
    this.#service('wallet-verifier', 'wallet.proof.verified', {
      cause: span.this,
      proof: id,
      decision: 'allow',
      reasons: [],
    });
  }

  #service(name: string, intent: string, payload: Readonly<Record<string, unknown>>): void {
    this.log.append(
      signedSpan({
        intent,
        subject: this.subject,
        payload,
        key: testKey(name),
        tsMs: Date.now(),
        nth: this.log.facts.length,
      }).span,
    );
  }

  async #seal(
    id: string,
    value: string,
    { ttl = 'P1D', aud = this.provider, wrapTo = RUNNER }: { ttl?: string; aud?: string; wrapTo?: string },
  ) {
    const contentKey = randomBytes(32);
    const sealed = sealArtifact({
      tenant: this.tenant,
      artifactId: id,
      plaintext: Buffer.from(value),
      contentKey,
      nonce: randomBytes(24),
    });
    const hash = hashArtifact(sealed);
    this.log.artifacts.set(hash, sealed);
    const terms = {
      id: `grt_${id}`,
      artifactId: id,
      artifactHash: hash,
      subject: this.subject,
      scope: ['runtime:read'],
      iatMs: Date.now(),
      ttl,
      aud,
    };
    const grant = await makeGrant(terms, testKey('root').signer);
    const { publicKey } = await runnerHpkeKey(wrapTo);
    const wrap = await wrapContentKey({
      contentKey,
      tenant: this.tenant,
      runner: RUNNER,
      hpkePublicKey: publicKey,
      grant,
    });
    return {
      artifact: { id, type: 'secret', hash, enc: 'xchacha20' as const },
      grant: { ...grant, wraps: [wrap] },
    };
  }
}

export type { JsonValue };
