import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { toolEnvironment } from '../config.ts';
import { findProcessesNaming, isProcessAlive, isRoot, readProcessStart } from '../process/identity.ts';
import { findProgram, runTool } from '../process/programs.ts';
import {
  claimDirectory,
  forgetRecord,
  readRecord,
  stopRecorded,
  writeRecord,
} from '../process/running-record.ts';
import type { ProcessHandle } from '../process/supervise.ts';
import { stopProcess, superviseProcess } from '../process/supervise.ts';
import { waitUntil } from '../process/wait.ts';
import { bridgeName, makeBridge, rememberNetwork, removeNetwork } from './docker-network.ts';
import type { ContainerEngine } from './find.ts';
import { pingEngine } from './find.ts';
import { installPackages, listDockerPackages } from './install.ts';
import { unmountBelow } from './mounts.ts';

/** Docker gives containers 10 s to end, all at once, before it ends itself. */
const STOP = { stopSignal: 'SIGTERM', stopWithinMs: 40_000 } as const;
const READY_WITHIN_MS = 60_000;
/** Sockets have short names only (107 bytes), and root has this place for them. */
const RUN_HOME = '/run/logline';

export type OwnEngineOptions = {
  /** Images, containers and logs of this engine alone; made when needed. One engine at a time. */
  readonly dir: string;
  readonly report: (line: string) => void;
  /** False: use the programs that are here, install none. Default true. */
  readonly allowInstall?: boolean;
  /** True: the engine outlives this process. */
  readonly detached?: boolean;
};

/** An engine that we started. `stop` ends its containers too and leaves nothing of it running or mounted. */
export type OwnEngine = ContainerEngine & { readonly pid: number; stop(): Promise<void> };

/** Logs that end somewhere: Docker's own, and those of containers that do not say otherwise. */
const DAEMON_CONFIG = {
  'log-level': 'warn',
  'log-driver': 'json-file',
  'log-opts': { 'max-size': '10m', 'max-file': '3' },
};

type NetworkMode = { readonly args: readonly string[]; readonly lost: string | null };

/**
 * Starts a Docker of our own beside whatever else is on the machine: own data, own socket, own bridge. Needs root.
 * Where the kernel allows less, containers get less, and the report says what: first no way out to the internet, then no
 * network at all.
 *
 * @throws EngineError `CONTAINER_ENGINE_UNAVAILABLE` if we are not root, there is no Docker and it cannot be installed,
 * or it does not start in any way; with the end of its log
 * @throws EngineError `ALREADY_RUNNING` if one runs in `dir`
 */
export async function startOwnDocker(options: OwnEngineOptions): Promise<OwnEngine> {
  const { report, allowInstall = true, detached = false } = options;
  if (!isRoot())
    throw new EngineError('CONTAINER_ENGINE_UNAVAILABLE', 'only root can start a Docker of its own');
  const dockerd = await needProgram('dockerd', {
    packages: listDockerPackages(),
    report,
    allowInstall,
  });
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  await claimDirectory(dir);
  await clearRemains(dir);
  const run = await makeRunDir(dir);
  await rememberNetwork(RUN_HOME);
  let failure: unknown;
  for (const { args, lost } of await listNetworkModes(bridgeName(dir), report)) {
    try {
      const daemon = await startDaemon({ dockerd, dir, run, args, detached });
      if (lost !== null) report(`containers: Docker runs, but ${lost}`);
      const { engine, handle } = daemon;
      report(
        `containers: started Docker ${engine.version} of our own, data in ${dir}, socket ${engine.socketPath}`,
      );
      return { ...engine, pid: handle.pid, stop: () => stopDocker(dir) };
    } catch (error) {
      failure = error;
      report(`containers: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  await stopDocker(dir);
  const why = failure instanceof Error ? failure.message : String(failure);
  throw new EngineError('CONTAINER_ENGINE_UNAVAILABLE', `Docker does not start here: ${why}`, {
    cause: failure,
  });
}

/** Stops the Docker that runs in `dir`, whoever started it, and what it left if it was killed. Idempotent. */
export async function stopDocker(dir: string): Promise<void> {
  const real = await realpath(dir).catch(() => dir);
  await stopRecorded(real);
  await clearRemains(real);
  await removeNetwork(bridgeName(real), RUN_HOME);
  await rm(runDirOf(real), { recursive: true, force: true });
}

/** The path of a program, after installing it if need be. */
export async function needProgram(
  name: string,
  {
    packages,
    report,
    allowInstall,
  }: {
    readonly packages: readonly string[];
    readonly report: (line: string) => void;
    readonly allowInstall: boolean;
  },
): Promise<string> {
  const installed = findProgram(name);
  if (installed !== null) return installed;
  const why = allowInstall ? await installPackages(packages, report) : 'nothing may be installed';
  const path = findProgram(name);
  if (path === null)
    throw new EngineError(
      'CONTAINER_ENGINE_UNAVAILABLE',
      `no ${name} here: ${why ?? 'the packages came without it'}`,
    );
  return path;
}

/** The best first; each says what containers lose in it. */
async function listNetworkModes(
  bridge: string,
  report: (line: string) => void,
): Promise<readonly NetworkMode[]> {
  const own = await makeBridge(bridge).then(
    () => ['--bridge', bridge],
    (error: unknown) => {
      report(
        `containers: no bridge of our own, docker0 then: ${error instanceof Error ? error.message : String(error)}`,
      );
      return [];
    },
  );
  return [
    { args: own, lost: null },
    {
      args: [...own, '--iptables=false', '--ip-masq=false'],
      lost: 'containers cannot reach other machines; published ports work',
    },
    {
      args: ['--bridge=none', '--iptables=false'],
      lost: 'containers have no network of their own: no port can be published, only host networking works',
    },
  ];
}

type DaemonOptions = {
  readonly dockerd: string;
  readonly dir: string;
  readonly run: string;
  readonly args: readonly string[];
  readonly detached: boolean;
};

async function startDaemon({
  dockerd,
  dir,
  run,
  args,
  detached,
}: DaemonOptions): Promise<{ engine: ContainerEngine; handle: ProcessHandle }> {
  const socketPath = join(run, 'docker.sock');
  // not the machine's daemon.json: a setting there and here is an error to Docker
  const configFile = join(dir, 'daemon.json');
  await writeFile(configFile, `${JSON.stringify(DAEMON_CONFIG)}\n`);
  const handle = await superviseProcess({
    name: 'dockerd',
    command: dockerd,
    args: [
      '--config-file',
      configFile,
      '--data-root',
      join(dir, 'data'),
      '--exec-root',
      join(run, 'exec'),
      '--host',
      `unix://${socketPath}`,
      '--pidfile',
      join(run, 'docker.pid'),
      '--group',
      'root',
      // a container may not ask for more than its parent has; Docker's own default is a million
      '--default-ulimit',
      'nofile=1024:1024',
      ...args,
    ],
    env: toolEnvironment(),
    logFile: join(dir, 'dockerd.log'),
    detached,
    ...STOP,
  });
  writeRecord(dir, handle, { detached, ...STOP });
  let engine: ContainerEngine | null = null;
  await waitUntil(
    async () => {
      const answer = await pingEngine(socketPath);
      if ('kind' in answer) engine = answer;
      return engine !== null || !handle.isAlive();
    },
    { withinMs: READY_WITHIN_MS, everyMs: 100 },
  );
  if (engine !== null && handle.isAlive()) return { engine, handle };
  const tail = handle.readLogTail(1);
  await handle.stop();
  forgetRecord(dir, handle.pid);
  await clearRemains(dir);
  throw new EngineError('START_FAILED', `dockerd ${args.join(' ')} did not come up: ${tail}`);
}

function runDirOf(dir: string): string {
  return join(RUN_HOME, createHash('sha256').update(dir).digest('hex').slice(0, 12));
}

async function makeRunDir(dir: string): Promise<string> {
  const run = runDirOf(dir);
  await mkdir(run, { recursive: true });
  await chmod(run, 0o700);
  return run;
}

/** Ends what a killed dockerd left: containers, their shims, its containerd, mounts. Only what names our directories. */
async function clearRemains(dir: string): Promise<void> {
  const record = readRecord(dir);
  if (record !== null && isProcessAlive(record.pid, record.startedAt)) return;
  const run = runDirOf(dir);
  const runtime = join(run, 'exec/runtime-runc/moby');
  const runc = findProgram('runc');
  for (const container of await readdir(runtime).catch(() => [])) {
    if (runc !== null)
      await runTool(runc, ['--root', runtime, 'delete', '--force', container], { timeoutMs: 20_000 });
  }
  for (const pid of findProcessesNaming(/^containerd(-shim[\w-]*)?$/, join(run, 'exec'))) {
    await stopProcess({
      name: 'containerd',
      pid,
      startedAt: readProcessStart(pid),
      stopSignal: 'SIGTERM',
      stopWithinMs: 3_000,
    });
  }
  await unmountBelow(run, join(dir, 'data'));
  await rm(join(run, 'docker.pid'), { force: true });
  await rm(join(run, 'exec/containerd/containerd.pid'), { force: true });
}
