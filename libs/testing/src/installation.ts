import { blake3Digest, signObjectSync, utf8 } from '@logline/canon-sign';
import { formatInstant, SERVICE_NAMES, type Proof, type ProofIntent } from '@logline/contracts';
import { formatVkey } from '@logline/tlog';
import { deriveHpkeKeyPair, formatApiToken, hashApiToken, type HpkeKeyPair } from '@logline/wallet';
import { NOW_MS } from './clock.ts';
import { testKey, type TestKey } from './keys.ts';
import { manifestFor, type ManifestParts } from './manifests.ts';
import { signedSpan, type SignedSpan } from './spans.ts';

/** The log origin of test installations. */
export const TEST_ORIGIN = 'logline.test';
export const TENANT = 'acme';
export const SUBJECT = 'urn:minicontainer:acme/web';
export const RUNNER = 'home';

/** The API token of a tenant's first token id, the same in every run. */
export function testToken(tokenId: string = 'tok1'): {
  readonly tokenId: string;
  readonly text: string;
  readonly hash: string;
} {
  const text = formatApiToken({ tokenId, secret: blake3Digest(utf8(`logline test token ${tokenId}`)) });
  return { tokenId, text, hash: hashApiToken(text) };
}

export type TenantParts = {
  readonly tenant?: string;
  readonly root?: TestKey;
  readonly operator?: TestKey;
  readonly log?: TestKey;
  readonly rootScopes?: readonly string[];
  readonly tokenScopes?: readonly string[];
  readonly tsMs?: number;
};

/** Index 0 of a log: signed by the operator, with proof of possession by the root key. */
export function tenantCreatedSpan(parts: TenantParts = {}): SignedSpan {
  const {
    tenant = TENANT,
    root = testKey('root'),
    operator = testKey('operator'),
    log = testKey('log'),
    tsMs = NOW_MS,
  } = parts;
  const { rootScopes = ['*'], tokenScopes = ['*'] } = parts;
  const origin = `${TEST_ORIGIN}/${tenant}`;
  const { tokenId, hash } = testToken();
  const payload = {
    kind: 'registry/tenant.v1',
    tenant,
    origin,
    log_key: formatVkey(origin, log.signer.publicKey),
    root: { kid: root.kid, pub: root.pub, scopes: rootScopes },
    services: SERVICE_NAMES.map((service) => ({ service, kid: service, pub: testKey(service).pub })),
    api_key: { token_id: tokenId, hash, scopes: tokenScopes },
  };
  return signedSpan({
    intent: 'registry.tenant.created',
    subject: `urn:tenant:${tenant}`,
    payload: signObjectSync('possession', payload, root.signer),
    key: operator,
    tsMs,
  });
}

export type LogRotatedParts = {
  readonly next: TestKey;
  /** First log time that `next` signs. */
  readonly fromMs: number;
  readonly previous?: TestKey;
  readonly tenant?: string;
  readonly origin?: string;
  readonly operator?: TestKey;
  /** Who signs `possession`; `next` itself by default. */
  readonly possessor?: TestKey;
  readonly tsMs?: number;
};

/** One log key follows another: signed by the operator, with proof of possession by the new one. */
export function logRotatedSpan(parts: LogRotatedParts): SignedSpan {
  const { next, fromMs, previous = testKey('log'), tenant = TENANT, possessor = next } = parts;
  const { origin = `${TEST_ORIGIN}/${tenant}`, operator = testKey('operator'), tsMs = NOW_MS } = parts;
  const payload = {
    kind: 'registry/log-rotation.v1',
    tenant,
    origin,
    previous: formatVkey(origin, previous.signer.publicKey),
    log_key: formatVkey(origin, next.signer.publicKey),
    from: formatInstant(fromMs),
  };
  return signedSpan({
    intent: 'registry.log.rotated',
    subject: `urn:tenant:${tenant}`,
    payload: signObjectSync('possession', payload, possessor.signer),
    key: operator,
    tsMs,
  });
}

type Signed = {
  readonly key?: TestKey;
  readonly tsMs?: number;
  readonly tenant?: string;
  readonly prev?: string;
  readonly nth?: number;
};

export function keyAddSpan({
  added,
  scopes = ['*'],
  tenant = TENANT,
  ...signed
}: Signed & { readonly added: TestKey; readonly scopes?: readonly string[] }): SignedSpan {
  const payload = { kind: 'registry/key.v1', tenant, kid: added.kid, pub: added.pub, role: 'client', scopes };
  return signedSpan({
    ...signed,
    intent: 'registry.key.add',
    subject: `urn:tenant:${tenant}`,
    payload: signObjectSync('possession', payload, added.signer),
  });
}

export function keyRevokeSpan({
  kid,
  reason = 'rotated',
  tenant = TENANT,
  ...signed
}: Signed & { readonly kid: string; readonly reason?: 'rotated' | 'compromised' }): SignedSpan {
  return signedSpan({
    ...signed,
    intent: 'registry.key.revoke',
    subject: `urn:tenant:${tenant}`,
    payload: { kind: 'registry/key-revocation.v1', kid, reason },
  });
}

/** The HPKE key pair of a runner, the same in every run. */
export async function runnerHpkeKey(runner: string = RUNNER): Promise<HpkeKeyPair> {
  return await deriveHpkeKeyPair(blake3Digest(utf8(`logline test hpke ${runner}`)));
}

export type RunnerParts = Signed & {
  readonly runner?: string;
  readonly runnerKey?: TestKey;
  readonly providers?: readonly string[];
  readonly allow?: Readonly<Record<string, unknown>>;
};

/** Its signing key is `testKey('runner-<runner>')`. */
export async function runnerAddSpan({
  runner = RUNNER,
  providers = ['docker', 'podman'],
  allow,
  tenant = TENANT,
  ...rest
}: RunnerParts = {}): Promise<SignedSpan> {
  const { runnerKey = testKey(`runner-${runner}`), ...signed } = rest;
  const payload = {
    kind: 'registry/runner.v1',
    tenant,
    runner,
    kid: runnerKey.kid,
    pub: runnerKey.pub,
    hpke_pub: (await runnerHpkeKey(runner)).publicKey,
    providers,
    ...(allow === undefined ? {} : { allow }),
  };
  return signedSpan({
    ...signed,
    intent: 'registry.runner.add',
    subject: `urn:tenant:${tenant}`,
    payload: signObjectSync('possession', payload, runnerKey.signer),
  });
}

export type ApplyParts = Signed & { readonly manifest?: ManifestParts; readonly name?: string };

/** `minicontainer.apply` with the manifest inline; `ref` is what it will be known by. */
export function applySpan({
  manifest = {},
  name = 'web',
  tenant = TENANT,
  ...signed
}: ApplyParts = {}): SignedSpan & { readonly ref: string } {
  const { manifest: signedManifest, ref } = manifestFor({ tenant, name, ...manifest });
  const span = signedSpan({
    ...signed,
    intent: 'minicontainer.apply',
    subject: `urn:minicontainer:${tenant}/${name}`,
    payload: { kind: 'minicontainer/manifest.v1', manifest: signedManifest },
  });
  return { ...span, ref };
}

export type ProofParts = {
  readonly ref?: string;
  readonly intent?: ProofIntent;
  readonly subject?: string;
  readonly tenant?: string;
  readonly id?: string;
  readonly key?: TestKey;
  readonly iatMs?: number;
  readonly lastsMs?: number;
  readonly aud?: readonly string[];
};

export function proofFor(parts: ProofParts): Proof {
  const {
    ref,
    intent = 'deploy.allow',
    subject = SUBJECT,
    tenant = TENANT,
    id = 'proof1',
    key = testKey('root'),
    iatMs = NOW_MS,
    lastsMs = 600_000,
    aud,
  } = parts;
  const proof = {
    type: 'll.proof.v1',
    id,
    tenant,
    intent,
    subject,
    ...(ref === undefined ? {} : { ref }),
    ...(aud === undefined ? {} : { aud: [...aud] }),
    single_use: true,
    nonce: `nonce-of-${id}`.padEnd(16, '0'),
    iat: formatInstant(iatMs),
    exp: formatInstant(iatMs + lastsMs),
  } as const;
  return signObjectSync('proof', proof, key.signer);
}

export function proofSpan({ proof, ...signed }: Signed & { readonly proof: Proof }): SignedSpan {
  return signedSpan({
    ...signed,
    intent: 'wallet.proof.submit',
    subject: proof.subject,
    payload: { kind: 'wallet/proof.v1', proof },
  });
}

export type DeployParts = Signed & {
  readonly ref: string;
  readonly proof?: string;
  readonly subject?: string;
  readonly target?: Readonly<Record<string, string>>;
};

export function deploySpan({
  ref,
  proof,
  subject = SUBJECT,
  target = { provider: 'docker' },
  ...signed
}: DeployParts): SignedSpan {
  return signedSpan({
    ...signed,
    intent: 'deploy.apply',
    subject,
    payload: { kind: 'deploy/apply.v1', ref, target, ...(proof === undefined ? {} : { proof }) },
  });
}

export function stopSpan({
  proof,
  subject = SUBJECT,
  target = { provider: 'docker' },
  ...signed
}: Omit<DeployParts, 'ref'>): SignedSpan {
  return signedSpan({
    ...signed,
    intent: 'deploy.stop',
    subject,
    payload: { kind: 'deploy/stop.v1', target, ...(proof === undefined ? {} : { proof }) },
  });
}
