import { type DeploySpec, GRANT_SCHEME, type RunnerAllowance } from '@logline/contracts';
import {
  CONTAINER_PROVIDERS,
  type ContainerProvider,
  type ContainerSpec,
  type PublishedPort,
  type RestartPolicy,
  SECRETS_MOUNT,
  type VolumeMount,
} from './container-spec.ts';

/** One thing a target will not do as asked: where in the manifest, what, and how to mend it. */
export type Refusal = { readonly pointer: string; readonly message: string; readonly fix: string };
export type ContainerPlan =
  | { readonly ok: true; readonly spec: ContainerSpec }
  | { readonly ok: false; readonly refusals: readonly Refusal[] };

export type PlanOptions = {
  /** What the runner's own configuration allows beyond the hardened default. */
  readonly allow: RunnerAllowance;
  /** Of the deploy's target. */
  readonly provider: string;
};

/** What a manifest gets that does not ask: enough for a small service, and a bound on a broken one. */
const DEFAULT_MEMORY_BYTES = 512 * 1024 * 1024;
const DEFAULT_PIDS = 256;
/** "nonroot" of the distroless images: an id that is nobody on the host. */
const DEFAULT_USER = 65_532;
const DEFAULT_STOP_TIMEOUT_MS = 10_000;
/** More than this an engine inside another container may not give (setrlimit without CAP_SYS_RESOURCE). */
const MOST_RLIMIT = 1024;
const MOST_TMPFS_BYTES = 64 * 1024 * 1024;
const LOG = { maxBytes: 10 * 1024 * 1024, maxFiles: 3 } as const;
/** Mounting over these breaks isolation or the delivery of secrets. */
const RESERVED_PATHS = ['/proc', '/sys', '/dev', '/run', SECRETS_MOUNT] as const;

/**
 * What a Docker or Podman target would run for this manifest, or everything it cannot honour. Nothing is weakened in silence:
 * what the target, or the runner's allowance, does not cover is a refusal (protocol §4). Pure and total on a schema-valid deploy.
 */
export function planContainer(deploy: DeploySpec, { allow, provider }: PlanOptions): ContainerPlan {
  if (!isContainerProvider(provider)) {
    return refuse([
      {
        pointer: '/deploy/targets',
        message: `${provider} is not a container engine`,
        fix: `deploy to a target with provider ${CONTAINER_PROVIDERS.join(' or ')}`,
      },
    ]);
  }
  const refusals = [
    ...refusePrivileges(deploy, allow, provider),
    ...refuseLifecycle(deploy),
    ...refuseLimits(deploy),
    ...refusePorts(deploy),
    ...refuseVolumes(deploy),
    ...refuseEnvironment(deploy),
  ];
  return refusals.length > 0 ? refuse(refusals) : { ok: true, spec: toSpec(deploy, provider) };
}

function refuse(refusals: readonly Refusal[]): ContainerPlan {
  return { ok: false, refusals };
}

function isContainerProvider(provider: string): provider is ContainerProvider {
  return CONTAINER_PROVIDERS.some((known) => known === provider);
}

function toSpec(deploy: DeploySpec, provider: ContainerProvider): ContainerSpec {
  const { security = {}, resources = {}, lifecycle = {} } = deploy;
  const memoryBytes = resources.memory_bytes ?? DEFAULT_MEMORY_BYTES;
  const environment = Object.entries(deploy.env ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const volumes = (deploy.volumes ?? []).map(({ name, path, read_only = false }): VolumeMount => ({
    name,
    path,
    isReadOnly: read_only,
  }));
  const isRootfsReadOnly = security.read_only_rootfs ?? false;
  const needsTmpfs = isRootfsReadOnly && !volumes.some(({ path }) => path === '/tmp');
  return {
    provider,
    image: deploy.image,
    entrypoint: deploy.entrypoint,
    command: deploy.command,
    workingDirectory: deploy.working_dir,
    env: environment.filter(([, value]) => !isGrant(value)).map(([name, value]) => ({ name, value })),
    secrets: environment
      .filter(([, value]) => isGrant(value))
      .map(([variable, value]) => ({ variable, grant: value.slice(GRANT_SCHEME.length) })),
    secretDelivery: deploy.secret_delivery ?? 'file',
    ports: (deploy.ports ?? []).map(({ host, container, protocol = 'tcp' }): PublishedPort => ({
      host,
      container,
      protocol,
    })),
    memoryBytes,
    nanoCpus: resources.cpu_millis === undefined ? undefined : resources.cpu_millis * 1_000_000,
    pids: resources.pids ?? DEFAULT_PIDS,
    ulimits: { nofile: MOST_RLIMIT, nproc: MOST_RLIMIT },
    user: security.run_as_user ?? DEFAULT_USER,
    isRootfsReadOnly,
    tmpfs: needsTmpfs
      ? [{ path: '/tmp', sizeBytes: Math.min(MOST_TMPFS_BYTES, Math.floor(memoryBytes / 2)) }]
      : [],
    isPrivileged: security.privileged ?? false,
    capAdd: [...new Set((security.cap_add ?? []).map(toCapability))].sort(),
    volumes,
    stopTimeoutMs: lifecycle.stop_timeout_ms ?? DEFAULT_STOP_TIMEOUT_MS,
    restart: toRestart(lifecycle.restart),
    log: LOG,
  };
}

function toRestart(restart: NonNullable<DeploySpec['lifecycle']>['restart']): RestartPolicy {
  return restart === undefined
    ? { policy: 'never' }
    : { policy: restart.policy, maxRetries: restart.max_retries };
}

function refusePrivileges(
  { security = {} }: DeploySpec,
  allow: RunnerAllowance,
  provider: ContainerProvider,
): Refusal[] {
  const refusals: Refusal[] = [];
  const user = security.run_as_user ?? DEFAULT_USER;
  if (security.privileged === true && allow.privileged !== true) {
    refusals.push({
      pointer: '/deploy/security/privileged',
      message: 'the runner does not allow privileged containers',
      fix: 'leave privileged out, or add the runner again with allow.privileged',
    });
  }
  if (user === 0 && allow.root_user !== true) {
    refusals.push({
      pointer: '/deploy/security/run_as_user',
      message: 'the runner does not allow user 0',
      fix: 'name a user that is not 0, or add the runner again with allow.root_user',
    });
  }
  const allowed = new Set((allow.cap_add ?? []).map(toCapability));
  (security.cap_add ?? []).forEach((capability, position) => {
    if (allowed.has(toCapability(capability))) return;
    refusals.push({
      pointer: `/deploy/security/cap_add/${position}`,
      message: `the runner does not allow the capability ${capability}`,
      fix: 'leave the capability out, or add the runner again with it in allow.cap_add',
    });
  });
  // Docker gives added capabilities to root alone: for anyone else they would be granted on paper only
  if (provider === 'docker' && user !== 0 && (security.cap_add ?? []).length > 0) {
    refusals.push({
      pointer: '/deploy/security/cap_add',
      message: 'Docker gives added capabilities to user 0 only',
      fix: 'deploy to podman, or set run_as_user to 0 where the runner allows it',
    });
  }
  return refusals;
}

function refuseLifecycle({ lifecycle = {}, replicas = 1, secret_delivery, env = {} }: DeploySpec): Refusal[] {
  const refusals: Refusal[] = [];
  if (replicas > 1) {
    refusals.push({
      pointer: '/deploy/replicas',
      message: 'a runner runs one container for a deploy',
      fix: 'leave replicas out, or apply one manifest for each',
    });
  }
  if (lifecycle.healthcheck !== undefined) {
    refusals.push({
      pointer: '/deploy/lifecycle/healthcheck',
      message: 'this target does not run health checks yet, and will not pretend to',
      fix: 'leave healthcheck out',
    });
  }
  const restarts = lifecycle.restart !== undefined && lifecycle.restart.policy !== 'never';
  if (restarts && secret_delivery === 'env' && Object.values(env).some(isGrant)) {
    refusals.push({
      pointer: '/deploy/lifecycle/restart',
      message: 'a process that got its secrets by stdin cannot get them a second time',
      fix: 'use secret_delivery file, or restart policy never',
    });
  }
  return refusals;
}

function refuseLimits({ resources = {} }: DeploySpec): Refusal[] {
  if ((resources.pids ?? 0) <= MOST_RLIMIT) return [];
  return [
    {
      pointer: '/deploy/resources/pids',
      message: `this target gives a user at most ${MOST_RLIMIT} processes`,
      fix: `ask for at most ${MOST_RLIMIT}`,
    },
  ];
}

function refusePorts({ ports = [] }: DeploySpec): Refusal[] {
  const taken = new Set<string>();
  return ports.flatMap(({ host, container, protocol = 'tcp' }, position) => {
    const inside = `container ${container}/${protocol}`;
    const outside = `host ${host}/${protocol}`;
    const isTwice = taken.has(inside) || (host !== 0 && taken.has(outside));
    taken.add(inside);
    if (host !== 0) taken.add(outside);
    if (!isTwice) return [];
    return [
      {
        pointer: `/deploy/ports/${position}`,
        message: `${host}:${container}/${protocol} uses a port that an earlier entry uses`,
        fix: 'publish each container port once, each on a host port of its own (0 for any free one)',
      },
    ];
  });
}

function refuseVolumes({ volumes = [] }: DeploySpec): Refusal[] {
  const taken = new Set<string>();
  return volumes.flatMap(({ path }, position) => {
    const pointer = `/deploy/volumes/${position}/path`;
    const isPlain =
      path
        .split('/')
        .slice(1)
        .every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes(',');
    if (!isPlain)
      return [
        {
          pointer,
          message: 'not a plain absolute path',
          fix: 'use an absolute path without . and .. parts or a comma',
        },
      ];
    if (RESERVED_PATHS.some((reserved) => path === reserved || path.startsWith(`${reserved}/`))) {
      return [{ pointer, message: `${path} belongs to the system`, fix: 'mount the volume somewhere else' }];
    }
    if (taken.has(path))
      return [{ pointer, message: `two volumes at ${path}`, fix: 'mount each volume at a path of its own' }];
    taken.add(path);
    return [];
  });
}

function refuseEnvironment({ env = {}, secret_delivery = 'file' }: DeploySpec): Refusal[] {
  if (secret_delivery === 'env') return [];
  return Object.entries(env).flatMap(([name, value]) => {
    if (!isGrant(value) || !Object.hasOwn(env, `${name}_FILE`)) return [];
    return [
      {
        pointer: `/deploy/env/${name}_FILE`,
        message: `the path of the secret ${name} is handed over in ${name}_FILE, which the manifest sets itself`,
        fix: `leave ${name}_FILE out`,
      },
    ];
  });
}

function isGrant(value: string): boolean {
  return value.startsWith(GRANT_SCHEME);
}

function toCapability(name: string): string {
  return name.startsWith('CAP_') ? name.slice(4) : name;
}
