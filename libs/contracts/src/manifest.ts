import Type from 'typebox';
import {
  Count,
  Duration,
  Base64,
  GrantSignature,
  Hash,
  Id,
  Instant,
  Name,
  PublicKeyHex,
  Scopes,
  Signature,
  SubjectUrn,
} from './lexical.ts';

const closed = { additionalProperties: false } as const;
const millis = (max: number) => Type.Integer({ minimum: 1, maximum: max });
const status = Type.Union([Type.Literal('active'), Type.Literal('revoked'), Type.Literal('expired')]);
/** Text handed to a process: no NUL, which no environment or argv can carry. */
const ProcessText = Type.String({ maxLength: 32_768, pattern: '^[^\\u0000]*$' });

export const TargetEntry = Type.Object(
  { provider: Id, project_id: Type.Optional(Id), service: Type.Optional(Id) },
  closed,
);

/** The content key of one artifact, wrapped to one runner by HPKE (protocol §6). */
export const GrantWrap = Type.Object({ runner: Id, enc: Base64, ct: Base64 }, closed);

/**
 * `ll.grant.v1`. The short form (`id, artifact_id, scope, ttl, aud, sig`) is valid schema; a deploy needs the full one.
 * `sig` covers everything but `sig` and `wraps`.
 */
export const Grant = Type.Object(
  {
    id: Id,
    artifact_id: Id,
    artifact_hash: Type.Optional(Hash),
    subject: Type.Optional(SubjectUrn),
    scope: Type.Array(Type.String({ pattern: '^[a-z_]+:[a-z_*]+$' }), { minItems: 1, maxItems: 8 }),
    iat: Type.Optional(Instant),
    ttl: Duration,
    aud: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}(:[A-Za-z0-9._-]{1,64}/[A-Za-z0-9._-]{1,64})?$' }),
    kid: Type.Optional(Id),
    sig: GrantSignature,
    wraps: Type.Optional(Type.Array(GrantWrap, { maxItems: 64 })),
  },
  { ...closed, $id: 'grant' },
);
export type Grant = Type.Static<typeof Grant>;
export type GrantWrap = Type.Static<typeof GrantWrap>;

export const Healthcheck = Type.Object(
  {
    type: Type.Union([Type.Literal('http'), Type.Literal('tcp'), Type.Literal('exec')]),
    path: Type.Optional(Type.String({ pattern: '^/[^\\u0000-\\u0020]*$', maxLength: 1024 })),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    command: Type.Optional(Type.Array(ProcessText, { minItems: 1, maxItems: 64 })),
    interval_ms: Type.Optional(millis(3_600_000)),
    timeout_ms: Type.Optional(millis(3_600_000)),
    retries: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    start_period_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
  },
  closed,
);

export const DeploySpec = Type.Object(
  {
    engine: Type.Literal('container'),
    image: Type.String({ pattern: '^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,510}$' }),
    entrypoint: Type.Optional(Type.Array(ProcessText, { minItems: 1, maxItems: 256 })),
    command: Type.Optional(Type.Array(ProcessText, { minItems: 1, maxItems: 256 })),
    working_dir: Type.Optional(Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 1024 })),
    // closed, because a record by pattern takes any other name with any value
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }), ProcessText, { ...closed }),
    ),
    /** How granted secrets reach the process: a file on tmpfs named by `<VAR>_FILE` and `/run/secrets/<VAR>` (default), or the variable itself by stdin hand-off. */
    secret_delivery: Type.Optional(Type.Union([Type.Literal('file'), Type.Literal('env')])),
    ports: Type.Optional(
      Type.Array(
        Type.Object(
          {
            /** 0 = any free port, reported in `run_state.running`. */
            host: Type.Integer({ minimum: 0, maximum: 65_535 }),
            container: Type.Integer({ minimum: 1, maximum: 65_535 }),
            protocol: Type.Optional(Type.Union([Type.Literal('tcp'), Type.Literal('udp')])),
          },
          closed,
        ),
        { maxItems: 64 },
      ),
    ),
    resources: Type.Optional(
      Type.Object(
        {
          memory_bytes: Type.Optional(Type.Integer({ minimum: 6_291_456, maximum: Number.MAX_SAFE_INTEGER })),
          cpu_millis: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024_000 })),
          pids: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_194_304 })),
        },
        closed,
      ),
    ),
    security: Type.Optional(
      Type.Object(
        {
          read_only_rootfs: Type.Optional(Type.Boolean()),
          run_as_user: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_294 })),
          cap_add: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z_]{2,40}$' }), { maxItems: 48 })),
          privileged: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
    ),
    lifecycle: Type.Optional(
      Type.Object(
        {
          healthcheck: Type.Optional(Healthcheck),
          restart: Type.Optional(
            Type.Object(
              {
                policy: Type.Union([
                  Type.Literal('never'),
                  Type.Literal('on-failure'),
                  Type.Literal('always'),
                ]),
                max_retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
              },
              closed,
            ),
          ),
          stop_timeout_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 600_000 })),
        },
        closed,
      ),
    ),
    volumes: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Name,
            path: Type.String({ pattern: '^/[^\\u0000:]+$', maxLength: 1024 }),
            read_only: Type.Optional(Type.Boolean()),
          },
          closed,
        ),
        { maxItems: 32 },
      ),
    ),
    replicas: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    targets: Type.Array(TargetEntry, { minItems: 1, maxItems: 32 }),
  },
  { ...closed, $id: 'deploy' },
);
export type DeploySpec = Type.Static<typeof DeploySpec>;

/** `ll.minicontainer.v1` (protocol §4). Unknown fields are refused. Signed in `provenance`, over all but `provenance.sig`. */
export const Manifest = Type.Object(
  {
    type: Type.Literal('ll.minicontainer.v1'),
    version: Type.String({ pattern: '^[0-9A-Za-z.+-]{1,64}$' }),
    owner: Type.Object({ user_id: Type.Optional(Id), tenant: Name }, closed),
    slots: Type.Object(
      {
        signing: Type.Array(Type.Object({ kid: Id, pub: PublicKeyHex, status }, closed), { maxItems: 64 }),
        api: Type.Array(Type.Object({ token_id: Id, scopes: Scopes, status }, closed), { maxItems: 64 }),
        crypto: Type.Optional(
          Type.Array(Type.Object({ kid: Id, alg: Id, status }, closed), { maxItems: 64 }),
        ),
      },
      closed,
    ),
    artifacts: Type.Optional(
      Type.Array(
        Type.Object(
          { id: Id, type: Id, hash: Hash, enc: Type.Literal('xchacha20'), size_bytes: Type.Optional(Count) },
          closed,
        ),
        { maxItems: 256 },
      ),
    ),
    grants: Type.Optional(Type.Array(Grant, { maxItems: 256 })),
    deploy: DeploySpec,
    ledger_refs: Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 64 })),
    ts: Instant,
    provenance: Signature,
  },
  { ...closed, $id: 'manifest' },
);
export type Manifest = Type.Static<typeof Manifest>;
export type UnsignedManifest = Omit<Manifest, 'provenance'>;
export type Artifact = NonNullable<Manifest['artifacts']>[number];

export const GRANT_SCHEME = 'grant://';
