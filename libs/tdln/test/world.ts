import {
  blake3Digest,
  blake3Hash,
  canonicalBytes,
  formatHex,
  signerFromSeed,
  signObjectSync,
  spanIdFromCause,
  utf8,
  type LocalSigner,
} from '@logline/canon-sign';
import {
  formatInstant,
  INTENTS,
  isIntent,
  SERVICE_NAMES,
  type Grant,
  type Language,
  type Manifest,
  type Proof,
  type Span,
  type UnsignedManifest,
} from '@logline/contracts';
import {
  emptyKnowledge,
  fold,
  refOf,
  validate,
  verifyProof,
  type Asker,
  type Knowledge,
  type Verdict,
} from '../src/index.ts';

/** A tenant, its keys and a model of its log, for the unit tests of this package: all values, no I/O. */
export const TENANT = 'voulezvous';
export const WEB = 'urn:minicontainer:voulezvous/web';
export const NOW_MS = Date.parse('2026-11-23T12:00:00Z');
export const TOKEN: Asker = { kind: 'token', token: 'tok_cli' };
export const OPERATOR: Asker = { kind: 'operator' };
export const own = (user: string): Asker => ({ kind: 'own', user });

export function key(name: string): LocalSigner & { readonly pub: string } {
  const signer = signerFromSeed(name, blake3Digest(utf8(`seed of ${name}`)));
  return { ...signer, pub: formatHex(signer.publicKey) };
}
export const root = key('root');
export const operator = key('operator');
export const runner = key('runner-1-key');
export const installation = { operatorKeys: [{ kid: operator.kid, pub: operator.pub }] };

let spans = 0;
/** A signed span; its id differs each time. */
export function span(
  by: LocalSigner,
  intent: string,
  subject: string,
  payload: object,
  changes: object = {},
): Span {
  const unsigned = {
    schema_version: '1.1.0',
    entity_type: 'function',
    this: spanIdFromCause(NOW_MS, `span ${++spans}`, 'test', 'made'),
    did: { actor: by.kid, action: 'append' },
    intent,
    subject,
    payload,
    ts: formatInstant(NOW_MS),
    ...changes,
  };
  return signObjectSync('span', unsigned, by) as unknown as Span; // what the tests hand in is judged, not trusted
}

export const possessed = <T extends object>(payload: T, by: LocalSigner): T & { possession: string } =>
  signObjectSync('possession', payload, by);

export function tenantCreated(changes: object = {}, by: LocalSigner = operator): Span {
  const payload = {
    tenant: TENANT,
    origin: `logline.test/${TENANT}`,
    log_key: `logline.test/${TENANT}+00000000+AAAA`,
    root: { kid: root.kid, pub: root.pub, scopes: ['registry:*', 'deploy:*', 'prove:*', 'grant:*'] },
    services: SERVICE_NAMES.map((service) => ({ service, kid: key(service).kid, pub: key(service).pub })),
    api_key: { token_id: 'tok_cli', hash: blake3Hash(utf8('token')), scopes: ['*'] },
    ...changes,
  };
  return span(by, 'registry.tenant.created', `urn:tenant:${TENANT}`, possessed(payload, root));
}

export function keyAdd(added: ReturnType<typeof key>, scopes: readonly string[], changes: object = {}): Span {
  const payload = { tenant: TENANT, kid: added.kid, pub: added.pub, role: 'client', scopes, ...changes };
  return span(root, 'registry.key.add', `urn:tenant:${TENANT}`, possessed(payload, added));
}

export function runnerAdd(
  name = 'runner-1',
  signer: ReturnType<typeof key> = runner,
  changes: object = {},
): Span {
  const payload = {
    tenant: TENANT,
    runner: name,
    kid: signer.kid,
    pub: signer.pub,
    hpke_pub: key(`${name}-hpke`).pub,
    providers: ['docker'],
    ...changes,
  };
  return span(root, 'registry.runner.add', `urn:tenant:${TENANT}`, possessed(payload, signer));
}

export const ARTIFACT_HASH = blake3Hash(utf8('ciphertext'));

export function grant(changes: object = {}, by: LocalSigner = root): Grant {
  const unsigned = {
    id: 'grt_db',
    artifact_id: 'secret_db',
    artifact_hash: ARTIFACT_HASH,
    subject: WEB,
    scope: ['runtime:read'],
    iat: formatInstant(NOW_MS),
    ttl: 'P30D',
    aud: 'docker',
    ...changes,
  };
  const wraps = [{ runner: 'runner-1', enc: 'AAAA', ct: 'AAAA' }];
  return { wraps, ...signObjectSync('grant', unsigned, by) } as unknown as Grant;
}

export function unsignedManifest(
  changes: { readonly deploy?: object; readonly [field: string]: unknown } = {},
): UnsignedManifest {
  const { deploy, ...others } = changes;
  return {
    type: 'll.minicontainer.v1',
    version: '1.0.0',
    owner: { tenant: TENANT },
    slots: {
      signing: [{ kid: root.kid, pub: root.pub, status: 'active' }],
      api: [{ token_id: 'tok_cli', scopes: ['*'], status: 'active' }],
    },
    deploy: { engine: 'container', image: 'example/web:1', targets: [{ provider: 'docker' }], ...deploy },
    ts: formatInstant(NOW_MS),
    ...others,
  } as unknown as UnsignedManifest;
}

export function manifest(
  changes: Parameters<typeof unsignedManifest>[0] = {},
  by: LocalSigner = root,
): Manifest {
  return signObjectSync('manifest', unsignedManifest(changes), by);
}

/** With one secret behind a full grant. */
export function secretManifest(given: Grant = grant(), changes: object = {}): Manifest {
  return manifest({
    artifacts: [{ id: 'secret_db', type: 'secret.url.v1', hash: ARTIFACT_HASH, enc: 'xchacha20' }],
    grants: [given],
    deploy: { env: { DB_URL: 'grant://grt_db' }, ...changes },
  });
}

export const apply = (body: unknown, subject = WEB, by: LocalSigner = root): Span =>
  span(by, 'minicontainer.apply', subject, { manifest: body });

let proofs = 0;
export function proof(changes: object = {}, by: LocalSigner = root): Proof {
  const unsigned = {
    type: 'll.proof.v1',
    id: `proof-${++proofs}`,
    tenant: TENANT,
    intent: 'deploy.allow',
    subject: WEB,
    single_use: true,
    nonce: `nonce-of-proof-${proofs}`,
    iat: formatInstant(NOW_MS),
    exp: formatInstant(NOW_MS + 600_000),
    ...changes,
  };
  return signObjectSync('proof', unsigned, by) as unknown as Proof;
}

export const prove = (body: Proof, by: LocalSigner = root): Span =>
  span(by, 'wallet.proof.submit', WEB, { proof: body });

export const deploy = (ref: string, changes: object = {}, by: LocalSigner = root): Span =>
  span(by, 'deploy.apply', WEB, { ref, target: { provider: 'docker' }, ...changes });

export const stop = (changes: object = {}): Span =>
  span(root, 'deploy.stop', WEB, { target: { provider: 'docker' }, ...changes });

export type Fact = { readonly span: Span; readonly index: number; readonly timeMs: number };

/** A tenant's log as the ledger would write it: what the gate allows is folded in, its verdict right behind it. */
export class Log {
  readonly knowledge: Knowledge = emptyKnowledge(TENANT);
  readonly facts: Fact[] = [];
  nowMs = NOW_MS;

  judge(said: unknown, asker: Asker = TOKEN, language: Language = 'en'): Verdict {
    return validate({
      span: said,
      bytes: canonicalBytes(said),
      caller: asker,
      knowledge: this.knowledge,
      installation,
      nowMs: this.nowMs,
      submittedMs: NOW_MS,
      language,
    });
  }

  /** Says it, and fails the test when the gate does not take it. */
  say(said: Span, asker: Asker = TOKEN): Fact {
    const verdict = this.judge(said, asker);
    if (verdict.outcome === 'no') throw new Error(`refused: ${verdict.ack.errors.join('; ')}`);
    return this.append(said);
  }

  append(said: Span): Fact {
    const fact = this.#write(said);
    const verdict = this.verdictOf(said);
    if (verdict !== null) this.#write(verdict);
    return fact;
  }

  #write(said: Span): Fact {
    const fact = { span: said, index: this.facts.length, timeMs: this.nowMs };
    this.facts.push(fact);
    fold(this.knowledge, fact);
    return fact;
  }

  verdictOf(cause: Span): Span | null {
    const rule = isIntent(cause.intent) ? INTENTS[cause.intent] : null;
    if (rule === null || !('verdict' in rule)) return null;
    const { intent, service } = rule.verdict;
    const {
      manifest: body,
      proof: given,
      grant: id,
    } = (cause.payload ?? {}) as { manifest: Manifest; proof: Proof; grant: string };
    const payload = {
      'minicontainer.applied': () => ({ cause: cause.this, ok: true, ref: refOf(cause.subject, body) }),
      'wallet.proof.verified': () => {
        const { decision, reasons } = verifyProof(given, this.knowledge, this.nowMs);
        return { cause: cause.this, proof: given.id, decision, reasons };
      },
      'wallet.grant.revoked': () => ({ cause: cause.this, grant: id }),
    }[intent]();
    return span(key(service), intent, cause.subject, payload, {
      this: spanIdFromCause(NOW_MS, cause.this, service, 'verdict'),
    });
  }
}

/** A log with its tenant and one runner. */
export function bornLog(): Log {
  const log = new Log();
  log.say(tenantCreated(), OPERATOR);
  log.say(runnerAdd());
  return log;
}

/** The same with a manifest applied; its ref beside it. */
export function appliedLog(body: Manifest = manifest()): {
  readonly log: Log;
  readonly ref: string;
  readonly body: Manifest;
} {
  const log = bornLog();
  log.say(apply(body));
  return { log, ref: refOf(WEB, body) ?? '', body };
}

/** Names of the faults of a verdict's no. */
export function faultsOf(verdict: Verdict): readonly string[] {
  return verdict.outcome === 'ok'
    ? []
    : verdict.ack.details.map((detail) => `${detail.code} ${detail.pointer}`);
}
