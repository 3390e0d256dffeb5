import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { chmod, mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { readEnvironment, toolEnvironment } from '../config.ts';
import { findProcessesNaming, isRoot, readProcessStart } from '../process/identity.ts';
import { findProgram, runTool } from '../process/programs.ts';
import { claimDirectory, forgetRecord, stopRecorded, writeRecord } from '../process/running-record.ts';
import type { ProcessHandle } from '../process/supervise.ts';
import { stopProcess, superviseProcess } from '../process/supervise.ts';
import { waitUntil } from '../process/wait.ts';
import type { OwnEngine, OwnEngineOptions } from './docker.ts';
import { needProgram } from './docker.ts';
import { askEngine } from './engine-request.ts';
import type { ContainerEngine } from './find.ts';
import { pingEngine } from './find.ts';
import { unmountBelow } from './mounts.ts';

const STOP = { stopSignal: 'SIGTERM', stopWithinMs: 10_000 } as const;
const READY_WITHIN_MS = 30_000;
const CONTAINER_STOP_S = 10;
/** conmon calls Podman once more after its container has ended. */
const CLEANED_UP_WITHIN_MS = 10_000;
/**
 * Locks in files of this store: those in shared memory belong to all Podmans of the machine, and are out of step once
 * this one's state has gone. Limits that a CI container may set; Podman's own are higher than some parents have.
 */
const CONFIG = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
lock_type = "file"
`;
const OVERLAYFS = 0x79_4c_76_30;

/**
 * Starts Podman's service for this machine: as root with data of its own in `dir`; as another user on that user's own
 * images and containers, with a socket of ours; what runs there is left running. Works in a CI container too.
 *
 * @throws EngineError `CONTAINER_ENGINE_UNAVAILABLE` if there is no Podman and it cannot be installed
 * @throws EngineError `START_FAILED`, `START_TIMEOUT` with the end of its log; `ALREADY_RUNNING` if one runs in `dir`
 */
export async function startOwnPodman(options: OwnEngineOptions): Promise<OwnEngine> {
  const { report, allowInstall = true, detached = false } = options;
  const packages = ['podman', 'runc', 'conmon', 'uidmap'];
  const podman = await needProgram('podman', { packages, report, allowInstall });
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  await claimDirectory(dir);
  const run = runDirOf(dir);
  await mkdir(run, { recursive: true });
  await chmod(run, 0o700);
  const socketPath = join(run, 'podman.sock');
  await stopServices(run);
  await rm(socketPath, { force: true });
  const service = ['system', 'service', '--time', '0', `unix://${socketPath}`];
  const [command, args] = toPodmanCommand(podman, service, {
    dir,
    run,
    isRoot: isRoot(),
    ...readHost(dir, run),
  });
  if (isRoot()) await writeFile(configFileOf(dir), CONFIG);
  const handle = await superviseProcess({
    name: 'podman',
    command,
    args,
    env: toolEnvironment(ownConfig(dir)),
    logFile: join(dir, 'podman.log'),
    detached,
    ...STOP,
  });
  writeRecord(dir, handle, { detached, ...STOP });
  const engine = await waitForService(handle, { dir, socketPath });
  report(`containers: started the service of Podman ${engine.version}, socket ${socketPath}`);
  return { ...engine, pid: handle.pid, stop: () => stopPodman(dir) };
}

/** Stops the service that runs in `dir`, whoever started it; as root its containers too. Idempotent. */
export async function stopPodman(dir: string): Promise<void> {
  const real = await realpath(dir).catch(() => dir);
  const run = runDirOf(real);
  if (isRoot() && existsSync(run)) await stopContainers(real, run);
  await stopRecorded(real);
  await stopServices(run);
  if (!isRoot()) return;
  await unmountBelow(run, join(real, 'root'));
  await rm(run, { recursive: true, force: true });
}

/** Without root the service is a child of the process that we started, and may outlive it. */
async function stopServices(run: string): Promise<void> {
  for (const pid of findProcessesNaming(/^podman$/, run))
    await stopProcess({ ...identify('podman', pid), ...STOP });
}

export type PodmanHost = {
  /** cgroups v1 with v2 mounted beside them: Podman takes it for v2, and crun does not work at all. */
  readonly isHybridCgroup: boolean;
  readonly hasSystemd: boolean;
  readonly hasRunc: boolean;
  /** Whether images can share layers on this file system. */
  readonly canOverlay: boolean;
  /** A process in the mount namespace where containers of this store have their networks; null where none runs. */
  readonly namespaceOf: number | null;
};

type PodmanPlace = { readonly dir: string; readonly run: string; readonly isRoot: boolean };

/** The command line of one call of Podman on the store in `dir`. Pure. */
export function toPodmanCommand(
  podman: string,
  call: readonly string[],
  {
    dir,
    run,
    isRoot,
    isHybridCgroup,
    hasSystemd,
    hasRunc,
    canOverlay,
    namespaceOf,
  }: PodmanPlace & PodmanHost,
): readonly [command: string, args: readonly string[]] {
  const store = [
    '--root',
    join(dir, 'root'),
    '--runroot',
    join(run, 'runroot'),
    '--tmpdir',
    join(run, 'tmp'),
  ];
  const args = [
    ...(isRoot ? [...store, '--storage-driver', canOverlay ? 'overlay' : 'vfs'] : []),
    ...(hasSystemd ? [] : ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file']),
    ...(isHybridCgroup && hasRunc ? ['--runtime', 'runc'] : []),
    ...call,
  ];
  if (!isHybridCgroup || !isRoot) return [podman, args];
  if (namespaceOf !== null) return ['nsenter', ['-m', '-t', String(namespaceOf), '--', podman, ...args]];
  // in a mount namespace of its own the v2 tree is gone, and Podman sees plain v1
  return ['unshare', ['-m', 'sh', '-c', 'umount /sys/fs/cgroup/unified; exec "$0" "$@"', podman, ...args]];
}

function readHost(dir: string, run: string): PodmanHost {
  return {
    isHybridCgroup: existsSync('/sys/fs/cgroup/unified') && existsSync('/sys/fs/cgroup/memory'),
    hasSystemd: existsSync('/run/systemd/system'),
    hasRunc: findProgram('runc') !== null,
    canOverlay:
      /\toverlay$/m.test(readFileSync('/proc/filesystems', 'latin1')) && statfsSync(dir).type !== OVERLAYFS,
    namespaceOf: findConmons(run)[0] ?? null,
  };
}

/** Sockets have short names only (107 bytes): root and users with a runtime directory have better places than `dir`. */
function runDirOf(dir: string): string {
  const home = isRoot() ? '/run' : readEnvironment().runtimeDir;
  const id = createHash('sha256').update(dir).digest('hex').slice(0, 12);
  return home === undefined ? join(dir, 'run') : join(home, 'logline', `podman-${id}`);
}

async function waitForService(
  handle: ProcessHandle,
  { dir, socketPath }: { readonly dir: string; readonly socketPath: string },
): Promise<ContainerEngine> {
  let engine: ContainerEngine | undefined;
  await waitUntil(
    async () => {
      const answer = await pingEngine(socketPath);
      if ('kind' in answer) engine = answer;
      return engine !== undefined || !handle.isAlive();
    },
    { withinMs: READY_WITHIN_MS, everyMs: 50 },
  );
  if (engine !== undefined && handle.isAlive()) return engine;
  const hasEnded = !handle.isAlive();
  const tail = handle.readLogTail();
  await handle.stop();
  forgetRecord(dir, handle.pid);
  throw new EngineError(
    hasEnded ? 'START_FAILED' : 'START_TIMEOUT',
    `podman system service did not come up:\n${tail}`,
  );
}

/**
 * Containers live on without the service, each under a conmon that cleans up after it. They are stopped through the
 * service where it answers, else by Podman itself.
 */
async function stopContainers(dir: string, run: string): Promise<void> {
  const podman = findProgram('podman');
  const areLeft = (): boolean => findConmons(run).length > 0;
  if (podman === null || !areLeft()) return;
  const isAsked = await stopThroughService(join(run, 'podman.sock'));
  if (!isAsked || !(await waitUntil(() => !areLeft(), { withinMs: CLEANED_UP_WITHIN_MS }))) {
    const call = ['stop', '--all', '--time', String(CONTAINER_STOP_S)];
    const [command, args] = toPodmanCommand(podman, call, { dir, run, isRoot: true, ...readHost(dir, run) });
    await runTool(command, args, { timeoutMs: (CONTAINER_STOP_S + 30) * 1000, env: ownConfig(dir) });
    await waitUntil(() => !areLeft(), { withinMs: CLEANED_UP_WITHIN_MS });
  }
  for (const pid of findConmons(run)) {
    await stopProcess({ ...identify('conmon', pid), ...STOP });
  }
}

/** False when the service does not answer. */
async function stopThroughService(socketPath: string): Promise<boolean> {
  const timeoutMs = (CONTAINER_STOP_S + 20) * 1000;
  const list = await askEngine(socketPath, { path: '/containers/json', timeoutMs }).catch(() => null);
  if (list?.status !== 200) return false;
  const ids = [...list.text.matchAll(/"Id":\s*"([0-9a-f]{64})"/g)].map(([, id]) => id);
  const stop = (id: string | undefined) =>
    ({ method: 'POST', path: `/containers/${id}/stop?t=${CONTAINER_STOP_S}`, timeoutMs }) as const;
  // one that cannot be stopped so is left to Podman itself
  await Promise.all(ids.map((id) => askEngine(socketPath, stop(id)).catch(() => null)));
  return true;
}

function identify(name: string, pid: number) {
  return { name, pid, startedAt: readProcessStart(pid) };
}

function findConmons(run: string): readonly number[] {
  return findProcessesNaming(/^conmon$/, run);
}

function configFileOf(dir: string): string {
  return join(dir, 'containers.conf');
}

/** Root's store goes by our configuration instead of the machine's, in every call. */
function ownConfig(dir: string): Readonly<Record<string, string>> {
  return isRoot() ? { CONTAINERS_CONF: configFileOf(dir) } : {};
}
