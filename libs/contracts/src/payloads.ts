import Type from 'typebox';
import {
  Count,
  Hash,
  Id,
  Instant,
  Name,
  PublicKeyHex,
  Ref,
  Scopes,
  SignatureBase64,
  SpanId,
} from './lexical.ts';
import { Manifest, TargetEntry } from './manifest.ts';
import { Proof } from './proof.ts';

/** What each intent says: one payload schema an intent, version (intent, `kind`); `kind` may be left out while there is one version. */

function payload<const P extends Type.TProperties>(kind: string, properties: P) {
  return Type.Object(
    { kind: Type.Optional(Type.Literal(kind)), ...properties },
    { additionalProperties: false, $id: kind },
  );
}
const Why = Type.String({ minLength: 1, maxLength: 1024 });
const Lease = Count;
const KeyRole = Type.Literal('client');

/** Index 0 of every log: the operator signs the span, the tenant's root key signs `possession` over this payload without it. */
export const TenantCreated = payload('registry/tenant.v1', {
  tenant: Name,
  /** `<ledger origin>/<tenant>`, the origin of the log's checkpoints. */
  origin: Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\s+]+$' }),
  /** Verifier key of the log (C2SP signed-note form). */
  log_key: Type.String({ minLength: 1, maxLength: 512 }),
  root: Type.Object({ kid: Id, pub: PublicKeyHex, scopes: Scopes }, { additionalProperties: false }),
  /** The installation's own parts and the keys their facts are signed with. */
  services: Type.Array(
    Type.Object({ service: Id, kid: Id, pub: PublicKeyHex }, { additionalProperties: false }),
    { minItems: 1, maxItems: 16 },
  ),
  /** The first API token, so that the tenant can speak at all. */
  api_key: Type.Object(
    { token_id: Id, hash: Hash, scopes: Scopes, exp: Type.Optional(Instant) },
    { additionalProperties: false },
  ),
  possession: SignatureBase64,
});
/** How far a partition of the ledger has come: commits, and the hash chain over what they signed. */
const Tip = Type.Object({ position: Count, chain: Hash }, { additionalProperties: false });

/**
 * The operator's word that a log goes on although its anchor said that entries are missing, or was missing itself. In the log for good, for whoever
 * holds a receipt that the log does not know.
 */
export const LogAdopted = payload('registry/log-adoption.v1', {
  partition: Count,
  /** What the database held. */
  database: Tip,
  /** What the anchor said; absent when there was none. */
  anchor: Type.Optional(Tip),
});

/** Verifier key of a log, C2SP signed-note form: name, key id, Ed25519 type byte and key. */
const LogVkey = Type.String({ maxLength: 512, pattern: '^[^\\s+]+\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{44}$' });
/**
 * The log's key gives way to another one: receipts of log time `from` and later are signed by `log_key`, earlier ones by `previous`. The operator
 * signs the span, the new key signs `possession` over this payload without it.
 */
export const LogRotated = payload('registry/log-rotation.v1', {
  tenant: Name,
  /** Of the log, as the tenant was born with it. */
  origin: Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\s+]+$' }),
  previous: LogVkey,
  log_key: LogVkey,
  from: Instant,
  possession: SignatureBase64,
});
/** What a rotation writes, and whatever rests on the log's keys reads: the gate and the ledger mean the same by it. */
export const LOG_KEY_WRITE = 'log-key';
export const KeyAdd = payload('registry/key.v1', {
  tenant: Name,
  kid: Id,
  pub: PublicKeyHex,
  role: KeyRole,
  scopes: Scopes,
  exp: Type.Optional(Instant),
  /** By the new key, over this payload without `possession`. */
  possession: SignatureBase64,
});
export const KeyRevoke = payload('registry/key-revocation.v1', {
  kid: Id,
  reason: Type.Union([Type.Literal('rotated'), Type.Literal('compromised')]),
  since_index: Type.Optional(Count),
});
/** `hash` = BLAKE3 of the token's text; the token itself is never sent again. */
export const ApikeyCreate = payload('registry/apikey.v1', {
  token_id: Id,
  hash: Hash,
  scopes: Scopes,
  exp: Type.Optional(Instant),
});
export const ApikeyRevoke = payload('registry/apikey-revocation.v1', { token_id: Id });

/** What a runner's own configuration lets a manifest ask for beyond the hardened default (protocol §4). */
export const RunnerAllowance = Type.Object(
  {
    privileged: Type.Optional(Type.Boolean()),
    cap_add: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z_]{2,40}$' }), { maxItems: 48 })),
    root_user: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export const RunnerAdd = payload('registry/runner.v1', {
  tenant: Name,
  runner: Id,
  kid: Id,
  pub: PublicKeyHex,
  /** X25519, for HPKE (protocol §6). */
  hpke_pub: PublicKeyHex,
  providers: Type.Array(Id, { minItems: 1, maxItems: 8 }),
  allow: Type.Optional(RunnerAllowance),
  possession: SignatureBase64,
});
export const RunnerRemove = payload('registry/runner-removal.v1', { runner: Id });
/** Whether anybody may read the log: checkpoint, tiles, entries and proofs, with every span's content (protocol §10). */
export const LogPublish = payload('registry/log-publication.v1', { public: Type.Boolean() });

export const MinicontainerApply = Type.Union(
  [
    payload('minicontainer/manifest.v1', { manifest: Manifest }),
    payload('minicontainer/manifest-ref.v1', { manifest_ref: Hash }),
  ],
  { $id: 'minicontainer/apply.v1' },
);
export const MinicontainerApplied = payload('minicontainer/applied.v1', {
  cause: SpanId,
  ok: Type.Boolean(),
  ref: Ref,
  why: Type.Optional(Why),
});
export const ProofSubmit = payload('wallet/proof.v1', { proof: Proof });
export const ProofVerified = payload('wallet/proof-verdict.v1', {
  cause: SpanId,
  proof: Id,
  decision: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  reasons: Type.Array(Why, { maxItems: 16 }),
});
export const GrantRevoke = payload('wallet/grant-revocation.v1', { grant: Id, why: Type.Optional(Why) });
export const GrantRevoked = payload('wallet/grant-revoked.v1', { cause: SpanId, grant: Id });

const DeployOptions = Type.Object(
  {
    /** How long the deploy may take until it counts as failed. */
    timeout_ms: Type.Optional(Type.Integer({ minimum: 1000, maximum: 3_600_000 })),
  },
  { additionalProperties: false },
);
export const DeployApply = payload('deploy/apply.v1', {
  ref: Ref,
  target: TargetEntry,
  proof: Type.Optional(Id),
  options: Type.Optional(DeployOptions),
});
export const DeployStop = payload('deploy/stop.v1', {
  target: TargetEntry,
  proof: Type.Optional(Id),
  options: Type.Optional(DeployOptions),
});
/** Names the one runner and the lease that may report from now on. `lease` = log index of the deploy span: it only grows. */
export const DeployPlanned = payload('deploy/planned.v1', {
  deploy: SpanId,
  action: Type.Union([Type.Literal('apply'), Type.Literal('stop')]),
  ref: Ref,
  target: TargetEntry,
  runner: Id,
  lease: Lease,
  deadline: Instant,
  spec_hash: Hash,
});
export const DEPLOY_FAILURES = [
  'no_runner',
  'unsupported',
  'superseded',
  'timed_out',
  'not_running',
  'refused_by_runner',
  'grant_refused',
  'image_unavailable',
  'port_conflict',
  'engine_error',
  'interrupted',
] as const;
export const DeployFailed = payload('deploy/failed.v1', {
  deploy: SpanId,
  lease: Lease,
  runner: Type.Optional(Id),
  why: Type.Enum(DEPLOY_FAILURES),
  message: Why,
});
const GrantUse = Type.Object(
  { grant: Id, artifact: Id, artifact_hash: Hash },
  { additionalProperties: false },
);
/** The runner is about to open these grants; its receipt is the fresh checkpoint the opening rests on (protocol §6). */
export const GrantMaterialize = payload('grant/materialize.v1', {
  deploy: SpanId,
  lease: Lease,
  runner: Id,
  grants: Type.Array(GrantUse, { minItems: 1, maxItems: 256 }),
});
/** Opened. Hashes are of ciphertexts, never of secrets. */
export const GrantMaterialized = payload('grant/materialized.v1', {
  deploy: SpanId,
  lease: Lease,
  runner: Id,
  grants: Type.Array(GrantUse, { minItems: 1, maxItems: 256 }),
  delivery: Type.Union([Type.Literal('file'), Type.Literal('env')]),
});
export const DeployApplied = payload('deploy/applied.v1', {
  deploy: SpanId,
  action: Type.Union([Type.Literal('apply'), Type.Literal('stop')]),
  lease: Lease,
  runner: Id,
  ref: Ref,
  container: Type.Optional(Type.String({ maxLength: 256 })),
  image: Type.Optional(Type.String({ maxLength: 512 })),
});
export const RunState = payload('run/state.v1', {
  deploy: SpanId,
  lease: Lease,
  runner: Id,
  ref: Ref,
  provider: Id,
  node: Type.String({ minLength: 1, maxLength: 256 }),
  container: Type.Optional(Type.String({ maxLength: 256 })),
  started_at: Type.Optional(Instant),
  finished_at: Type.Optional(Instant),
  /** Null-free: absent while unknown. Negative never; 128 + signal as the engine reports it. */
  exit_code: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
  ports: Type.Optional(
    Type.Array(
      Type.Object(
        {
          container: Type.Integer({ minimum: 1, maximum: 65_535 }),
          host: Type.Integer({ minimum: 1, maximum: 65_535 }),
          protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')]),
        },
        { additionalProperties: false },
      ),
      { maxItems: 64 },
    ),
  ),
  /** `stopped`, `superseded`, `oom`, `crashed`, or the engine's own words. */
  why: Type.Optional(Why),
});

export type TenantCreated = Type.Static<typeof TenantCreated>;
export type LogAdopted = Type.Static<typeof LogAdopted>;
export type LogRotated = Type.Static<typeof LogRotated>;
export type KeyAdd = Type.Static<typeof KeyAdd>;
export type KeyRevoke = Type.Static<typeof KeyRevoke>;
export type ApikeyCreate = Type.Static<typeof ApikeyCreate>;
export type ApikeyRevoke = Type.Static<typeof ApikeyRevoke>;
export type RunnerAllowance = Type.Static<typeof RunnerAllowance>;
export type RunnerAdd = Type.Static<typeof RunnerAdd>;
export type RunnerRemove = Type.Static<typeof RunnerRemove>;
export type LogPublish = Type.Static<typeof LogPublish>;
export type MinicontainerApply = Type.Static<typeof MinicontainerApply>;
export type MinicontainerApplied = Type.Static<typeof MinicontainerApplied>;
export type ProofSubmit = Type.Static<typeof ProofSubmit>;
export type ProofVerified = Type.Static<typeof ProofVerified>;
export type GrantRevoke = Type.Static<typeof GrantRevoke>;
export type GrantRevoked = Type.Static<typeof GrantRevoked>;
export type DeployApply = Type.Static<typeof DeployApply>;
export type DeployStop = Type.Static<typeof DeployStop>;
export type DeployPlanned = Type.Static<typeof DeployPlanned>;
export type DeployFailed = Type.Static<typeof DeployFailed>;
export type GrantMaterialize = Type.Static<typeof GrantMaterialize>;
export type GrantMaterialized = Type.Static<typeof GrantMaterialized>;
export type DeployApplied = Type.Static<typeof DeployApplied>;
export type RunState = Type.Static<typeof RunState>;
export type DeployFailure = (typeof DEPLOY_FAILURES)[number];
