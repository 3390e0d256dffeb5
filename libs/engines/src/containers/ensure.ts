import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRoot } from '../process/identity.ts';
import { findProgram } from '../process/programs.ts';
import { waitUntil } from '../process/wait.ts';
import type { OwnEngineOptions } from './docker.ts';
import { startOwnDocker, stopDocker } from './docker.ts';
import type { ContainerEngine, FindContainerEngineOptions, NoContainerEngine } from './find.ts';
import { findContainerEngine } from './find.ts';
import { installPackages, listDockerPackages } from './install.ts';
import { startOwnPodman, stopPodman } from './podman.ts';

/** A service that apt has just installed and systemd starts by itself. */
const SERVICE_UP_WITHIN_MS = 20_000;

/** An engine that answers. `pid` is there when we have started it; `stop` does nothing to one that is not ours. */
export type EnsuredEngine = ContainerEngine & { readonly pid: number | undefined; stop(): Promise<void> };

export type EnsureOptions = OwnEngineOptions & Pick<FindContainerEngineOptions, 'environment'>;

/**
 * The container engine of this machine, or one that is started here: as root a Docker of our own, installed first where
 * it may be; as another user the service of that user's own Podman. Answers what is missing instead of throwing when
 * nothing can be done.
 */
export async function ensureContainerEngine(
  options: EnsureOptions,
): Promise<EnsuredEngine | NoContainerEngine> {
  const { dir, report, allowInstall = true } = options;
  const found = await findContainerEngine(options);
  if ('kind' in found) return { ...found, pid: undefined, stop: async () => undefined };
  const asRoot = isRoot();
  if (asRoot && allowInstall && findProgram('dockerd') === null && findProgram('podman') === null) {
    const why = await installPackages(listDockerPackages(), report);
    if (why !== null) report(`containers: ${why}`);
    const service = why === null ? await waitForService() : null;
    if (service !== null) return { ...service, pid: undefined, stop: async () => undefined };
  }
  const starts = [
    ...(asRoot && findProgram('dockerd') !== null
      ? [() => startOwnDocker({ ...options, dir: join(dir, 'docker') })]
      : []),
    ...(findProgram('podman') === null
      ? []
      : [() => startOwnPodman({ ...options, dir: join(dir, 'podman') })]),
  ];
  for (const start of starts) {
    try {
      return await start();
    } catch (error) {
      report(`containers: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return found;
}

/** Stops what `ensureContainerEngine` has started in `dir`, whoever called it. Idempotent. */
export async function stopContainerEngine(dir: string): Promise<void> {
  if (existsSync(join(dir, 'docker'))) await stopDocker(join(dir, 'docker'));
  if (existsSync(join(dir, 'podman'))) await stopPodman(join(dir, 'podman'));
}

async function waitForService(): Promise<ContainerEngine | null> {
  if (!existsSync('/run/systemd/system')) return null;
  let engine: ContainerEngine | null = null;
  const isUp = async (): Promise<boolean> => {
    const found = await findContainerEngine({ report: () => undefined });
    if ('kind' in found) engine = found;
    return engine !== null;
  };
  await waitUntil(isUp, { withinMs: SERVICE_UP_WITHIN_MS, everyMs: 500 });
  return engine;
}
