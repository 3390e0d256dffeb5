import type { ContainerCreateOptions } from 'dockerode';
import {
  containerName,
  environmentOf,
  type RunSpec,
  secretPath,
  toLabels,
  volumeName,
} from './container-spec.ts';
import { LENT_SHELL_PATH, type Shell, toHandoffCommand } from './handoff.ts';
import { logDriverOf, stopSeconds, tmpfsOptions } from './podman-args.ts';

export type CreateContext = {
  /** For secrets by stdin: which shell waits for them. */
  readonly shell: Shell;
  /** Host path of the busybox that is lent where the image has no shell. */
  readonly lentShellPath?: string;
  readonly image: ImageDefaults;
};

export type ImageDefaults = {
  /** Its own process, which the waiting shell must become where the manifest names none. */
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly hasSearchPath: boolean;
};

/** What engines give a process whose image names none; Podman does so on its command line, but not through this API. */
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The body of the create call: the same container that `toPodmanArgs` prints. */
export function toCreateOptions(spec: RunSpec, context: CreateContext): ContainerCreateOptions {
  const isHandoff = spec.secretDelivery === 'env' && spec.secrets.length > 0;
  const portKeys = spec.ports.map(({ container, protocol }) => `${container}/${protocol}`);
  return {
    name: containerName(spec.run),
    Image: spec.image,
    Labels: toLabels(spec.run),
    Env: toEnvironment(spec, context.image),
    User: `${spec.user}:${spec.user}`,
    ...(spec.workingDirectory === undefined ? {} : { WorkingDir: spec.workingDirectory }),
    ...toProcess(spec, context, isHandoff),
    AttachStdin: isHandoff,
    OpenStdin: isHandoff,
    StdinOnce: isHandoff,
    StopTimeout: stopSeconds(spec),
    ExposedPorts: Object.fromEntries(portKeys.map((key) => [key, {}])),
    HostConfig: {
      // no automatic removal: the exit code must survive until it has been read
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      Privileged: spec.isPrivileged,
      ...(spec.isPrivileged ? {} : { CapDrop: ['ALL'] }),
      CapAdd: [...spec.capAdd],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: spec.isRootfsReadOnly,
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      ...(spec.nanoCpus === undefined ? {} : { NanoCpus: spec.nanoCpus }),
      PidsLimit: spec.pids,
      Ulimits: Object.entries(spec.ulimits).map(([Name, limit]) => ({ Name, Soft: limit, Hard: limit })),
      Tmpfs: Object.fromEntries(
        spec.tmpfs.map(({ path, sizeBytes }) => [path, tmpfsOptions(spec, sizeBytes)]),
      ),
      LogConfig: {
        Type: logDriverOf(spec),
        Config: {
          'max-size': String(spec.log.maxBytes),
          ...(spec.provider === 'docker' ? { 'max-file': String(spec.log.maxFiles) } : {}),
        },
      },
      PortBindings: Object.fromEntries(
        spec.ports.map(({ host }, position) => [
          portKeys[position] ?? '',
          [{ HostPort: host === 0 ? '' : String(host) }],
        ]),
      ),
      Mounts: [
        ...spec.volumes.map(({ name, path, isReadOnly }) => ({
          Type: 'volume' as const,
          Source: volumeName(spec.run.tenant, name),
          Target: path,
          ReadOnly: isReadOnly,
        })),
        ...(isHandoff
          ? []
          : spec.secrets.map(({ variable }) => ({
              Type: 'bind' as const,
              Source: `${spec.secretsDirectory}/${variable}`,
              Target: secretPath(variable),
              ReadOnly: true,
            }))),
        ...(isHandoff && context.shell === 'lent' && context.lentShellPath !== undefined
          ? [
              {
                Type: 'bind' as const,
                Source: context.lentShellPath,
                Target: LENT_SHELL_PATH,
                ReadOnly: true,
              },
            ]
          : []),
      ],
    },
  };
}

function toEnvironment(spec: RunSpec, { hasSearchPath }: ImageDefaults): string[] {
  const environment = environmentOf(spec).map(({ name, value }) => `${name}=${value}`);
  const isGiven = hasSearchPath || environment.some((variable) => variable.startsWith('PATH='));
  return isGiven ? environment : [...environment, `PATH=${SEARCH_PATH}`];
}

function toProcess(
  spec: RunSpec,
  { shell, image }: CreateContext,
  isHandoff: boolean,
): Pick<ContainerCreateOptions, 'Entrypoint' | 'Cmd'> {
  if (isHandoff) {
    // as the engine itself does: an entrypoint of one's own drops the image's command
    const command = spec.command ?? (spec.entrypoint === undefined ? image.command : []);
    return {
      Entrypoint: [...toHandoffCommand(shell, [...(spec.entrypoint ?? image.entrypoint), ...command])],
      Cmd: [],
    };
  }
  return {
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command === undefined ? {} : { Cmd: [...spec.command] }),
  };
}
