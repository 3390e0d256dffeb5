import {
  containerName,
  type ContainerSpec,
  environmentOf,
  type RunSpec,
  secretPath,
  toLabels,
  volumeName,
} from './container-spec.ts';
import { toHandoffCommand } from './handoff.ts';

/**
 * The arguments of `podman create` (and of `docker create`) that ask for the same container as the create call does: both come from
 * the one spec. Pure, and never a secret's value. Without a run, name and labels are left out, and `RUN` stands where the run's
 * secrets directory or volume prefix would. For secrets by stdin the image's own entrypoint stands as `IMAGE_ENTRYPOINT` unless the spec names one.
 */
export function toPodmanArgs(spec: ContainerSpec | RunSpec): string[] {
  const run = 'run' in spec ? spec.run : undefined;
  const secretsDirectory = 'run' in spec ? spec.secretsDirectory : 'RUN';
  const isHandoff = spec.secretDelivery === 'env' && spec.secrets.length > 0;
  const process = isHandoff
    ? toHandoffCommand('image', [...(spec.entrypoint ?? ['IMAGE_ENTRYPOINT']), ...(spec.command ?? [])])
    : undefined;
  return [
    'create',
    ...(run === undefined
      ? []
      : [
          '--name',
          containerName(run),
          ...Object.entries(toLabels(run)).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
        ]),
    ...environmentOf(spec).flatMap(({ name, value }) => ['--env', `${name}=${value}`]),
    ...(isHandoff ? ['--interactive'] : []),
    ...(isHandoff
      ? []
      : spec.secrets.flatMap(({ variable }) => [
          '--mount',
          `type=bind,source=${secretsDirectory}/${variable},target=${secretPath(variable)},ro`,
        ])),
    ...spec.volumes.flatMap(({ name, path, isReadOnly }) => [
      '--mount',
      `type=volume,source=${volumeName(run?.tenant ?? 'RUN', name)},target=${path}${isReadOnly ? ',ro' : ''}`,
    ]),
    ...spec.tmpfs.flatMap(({ path, sizeBytes }) => ['--tmpfs', `${path}:${tmpfsOptions(spec, sizeBytes)}`]),
    ...spec.ports.flatMap(({ host, container, protocol }) => [
      '--publish',
      host === 0 ? `${container}/${protocol}` : `${host}:${container}/${protocol}`,
    ]),
    '--user',
    `${spec.user}:${spec.user}`,
    ...(spec.isPrivileged ? ['--privileged'] : ['--cap-drop', 'ALL']),
    ...spec.capAdd.flatMap((capability) => ['--cap-add', capability]),
    '--security-opt',
    'no-new-privileges',
    ...(spec.isRootfsReadOnly ? ['--read-only'] : []),
    '--memory',
    String(spec.memoryBytes),
    '--memory-swap',
    String(spec.memoryBytes),
    ...(spec.nanoCpus === undefined ? [] : ['--cpus', String(spec.nanoCpus / 1e9)]),
    '--pids-limit',
    String(spec.pids),
    '--ulimit',
    `nofile=${spec.ulimits.nofile}:${spec.ulimits.nofile}`,
    '--ulimit',
    `nproc=${spec.ulimits.nproc}:${spec.ulimits.nproc}`,
    '--restart',
    'no',
    '--stop-timeout',
    String(stopSeconds(spec)),
    '--log-driver',
    logDriverOf(spec),
    '--log-opt',
    `max-size=${spec.log.maxBytes}`,
    ...(spec.provider === 'docker' ? ['--log-opt', `max-file=${spec.log.maxFiles}`] : []),
    ...(spec.workingDirectory === undefined ? [] : ['--workdir', spec.workingDirectory]),
    ...printProcess(spec, process),
  ];
}

/** `--entrypoint` takes one word on Docker: the rest of it goes before the command, on both engines. */
function printProcess(spec: ContainerSpec, handoff: readonly string[] | undefined): string[] {
  const [first, ...rest] = handoff ?? spec.entrypoint ?? [];
  const command = handoff === undefined ? (spec.command ?? []) : [];
  return [...(first === undefined ? [] : ['--entrypoint', first]), spec.image, ...rest, ...command];
}

/**
 * Where the image has the directory, runc gives the mount that directory's mode instead of ours: so it also belongs to the container's
 * user, where the engine can say so (Podman 4 cannot).
 */
export function tmpfsOptions({ user, provider }: ContainerSpec, sizeBytes: number): string {
  const owner = provider === 'docker' ? `,uid=${user},gid=${user}` : '';
  return `rw,noexec,nosuid,nodev,mode=1777${owner},size=${sizeBytes}`;
}

/** Both rotate; Podman knows no `local`. */
export function logDriverOf({ provider }: ContainerSpec): string {
  return provider === 'docker' ? 'local' : 'k8s-file';
}

/** Engines count in whole seconds; never less than asked. */
export function stopSeconds({ stopTimeoutMs }: Pick<ContainerSpec, 'stopTimeoutMs'>): number {
  return Math.ceil(stopTimeoutMs / 1000);
}
