/**
 * What an engine is asked for, with every default written out. The create call and the printed arguments both derive from this
 * and from nothing else, so that they cannot differ. It holds no secret: only which variable waits for which grant.
 */
export type ContainerSpec = {
  readonly provider: ContainerProvider;
  readonly image: string;
  /** Absent: the image's own. */
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly workingDirectory?: string;
  /** Plain values only, sorted by name. */
  readonly env: readonly EnvironmentVariable[];
  readonly secrets: readonly SecretSlot[];
  readonly secretDelivery: SecretDelivery;
  readonly ports: readonly PublishedPort[];
  readonly memoryBytes: number;
  readonly nanoCpus?: number;
  readonly pids: number;
  /** Soft and hard limit of open files and of processes of the uid. */
  readonly ulimits: { readonly nofile: number; readonly nproc: number };
  /** Uid, and gid of the same number. */
  readonly user: number;
  readonly isRootfsReadOnly: boolean;
  readonly tmpfs: readonly TmpfsMount[];
  readonly isPrivileged: boolean;
  /** Without `CAP_`, sorted. All others are dropped, unless privileged. */
  readonly capAdd: readonly string[];
  readonly volumes: readonly VolumeMount[];
  readonly stopTimeoutMs: number;
  readonly restart: RestartPolicy;
  readonly log: { readonly maxBytes: number; readonly maxFiles: number };
};

export const CONTAINER_PROVIDERS = ['docker', 'podman'] as const;
export type ContainerProvider = (typeof CONTAINER_PROVIDERS)[number];
export type SecretDelivery = 'file' | 'env';
export type EnvironmentVariable = { readonly name: string; readonly value: string };
export type SecretSlot = { readonly variable: string; readonly grant: string };
/** `host` 0 = any free port. */
export type PublishedPort = {
  readonly host: number;
  readonly container: number;
  readonly protocol: 'tcp' | 'udp';
};
export type TmpfsMount = { readonly path: string; readonly sizeBytes: number };
/** `name` as in the manifest; the engine's name has the tenant before it. */
export type VolumeMount = { readonly name: string; readonly path: string; readonly isReadOnly: boolean };
/** The runner restarts, never the engine: an engine's restart could not hand over secrets and would write no fact. */
export type RestartPolicy = {
  readonly policy: 'never' | 'on-failure' | 'always';
  /** Absent: as often as it takes. */
  readonly maxRetries?: number;
};

/** Whose container it is. All of it is written on the container as labels, and found there again after a crash. */
export type Run = {
  readonly tenant: string;
  readonly name: string;
  readonly ref: string;
  /** Span id of the deploy. */
  readonly deploy: string;
  readonly lease: number;
  readonly runner: string;
  /** Of the plan; `blake3:<hex>`. */
  readonly specHash: string;
};

/** A spec with the run it is for, and where this host keeps that run's secret files. */
export type RunSpec = ContainerSpec & { readonly run: Run; readonly secretsDirectory: string };

export function forRun(spec: ContainerSpec, run: Run, secretsDirectory: string): RunSpec {
  return { ...spec, run, secretsDirectory };
}

/** The same for the same run, so that creating twice finds the first. */
export function containerName(run: Run): string {
  return `mc-${run.tenant}-${run.name}-${run.lease}`;
}

/** `_` is in no tenant's name, so no tenant can spell another one's volume. */
export function volumeName(tenant: string, volume: string): string {
  return `mc_${tenant}_${volume}`;
}

export const LABELS = {
  tenant: 'minicontainer.tenant',
  name: 'minicontainer.name',
  ref: 'minicontainer.ref',
  deploy: 'minicontainer.deploy',
  lease: 'minicontainer.lease',
  runner: 'minicontainer.runner',
  spec: 'minicontainer.spec',
} as const;

export function toLabels(run: Run): Record<string, string> {
  return {
    [LABELS.tenant]: run.tenant,
    [LABELS.name]: run.name,
    [LABELS.ref]: run.ref,
    [LABELS.deploy]: run.deploy,
    [LABELS.lease]: String(run.lease),
    [LABELS.runner]: run.runner,
    [LABELS.spec]: run.specHash,
  };
}

/** The run written on a container; null when a label is missing or malformed, so that it is not one of ours. */
export function parseLabels(labels: Readonly<Record<string, string | undefined>>): Run | null {
  const tenant = labels[LABELS.tenant];
  const name = labels[LABELS.name];
  const ref = labels[LABELS.ref];
  const deploy = labels[LABELS.deploy];
  const lease = Number(labels[LABELS.lease] ?? Number.NaN);
  const runner = labels[LABELS.runner];
  const specHash = labels[LABELS.spec];
  if (tenant === undefined || name === undefined || ref === undefined || deploy === undefined) return null;
  if (runner === undefined || specHash === undefined || !Number.isSafeInteger(lease) || lease < 0)
    return null;
  return { tenant, name, ref, deploy, lease, runner, specHash };
}

/** Where a secret appears inside the container when it is delivered by file. */
export function secretPath(variable: string): string {
  return `${SECRETS_MOUNT}/${variable}`;
}
export const SECRETS_MOUNT = '/run/secrets';

/** The plain environment plus `<VAR>_FILE` for each secret delivered by file. */
export function environmentOf(spec: ContainerSpec): readonly EnvironmentVariable[] {
  if (spec.secretDelivery === 'env') return spec.env;
  return [
    ...spec.env,
    ...spec.secrets.map(({ variable }) => ({ name: `${variable}_FILE`, value: secretPath(variable) })),
  ];
}
