import { join } from 'node:path';
import type { EngineEnvironment } from '../config.ts';
import { readEnvironment } from '../config.ts';
import { isRoot } from '../process/identity.ts';
import { findProgram } from '../process/programs.ts';
import { askEngine } from './engine-request.ts';

const PING_TIMEOUT_MS = 5_000;

export type EngineKind = 'docker' | 'podman';

/** An engine that has just answered. */
export type ContainerEngine = {
  readonly kind: EngineKind;
  readonly socketPath: string;
  readonly version: string;
};

/** What is missing, and what the person in front of this machine can do about it. */
export type NoContainerEngine = { readonly missing: string; readonly how: string };

export type FindContainerEngineOptions = {
  readonly report: (line: string) => void;
  /** Whether an engine would be installed and started if there is none; here it only decides the advice. Default true. */
  readonly allowInstall?: boolean;
  readonly environment?: EngineEnvironment;
};

/**
 * The first engine that answers: `DOCKER_HOST`, Docker's socket, then Podman's and rootless Docker's. Starts and
 * installs nothing. A remote engine is not one: secrets are handed over as files of this machine.
 */
export async function findContainerEngine(
  options: FindContainerEngineOptions,
): Promise<ContainerEngine | NoContainerEngine> {
  const { report, allowInstall = true, environment = readEnvironment() } = options;
  let isForbidden = false;
  for (const { from, socketPath } of listSockets(environment, report)) {
    const answer = await pingEngine(socketPath);
    if ('kind' in answer) {
      report(`containers: ${answer.kind} ${answer.version} at ${socketPath} (${from})`);
      return answer;
    }
    isForbidden ||= answer.code === 'EACCES' || answer.code === 'EPERM';
    // most sockets are simply not there; that is no news, unless somebody has named it
    if (answer.code !== 'ENOENT' || from === 'DOCKER_HOST')
      report(`containers: ${socketPath} (${from}) does not answer: ${answer.why}`);
  }
  return {
    missing: 'no container engine answers on this machine',
    how: advise({ isForbidden, allowInstall }),
  };
}

/** The sockets in the order in which they are asked. Pure but for the report. */
export function listSockets(
  { dockerHost, runtimeDir, home }: Pick<EngineEnvironment, 'dockerHost' | 'runtimeDir' | 'home'>,
  report: (line: string) => void = () => undefined,
): readonly { readonly from: string; readonly socketPath: string }[] {
  const named = dockerHost === undefined ? null : /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
  if (named === undefined)
    report(`containers: DOCKER_HOST=${dockerHost} is no socket of this machine, not used`);
  return [
    ...(named ? [{ from: 'DOCKER_HOST', socketPath: named }] : []),
    { from: 'Docker', socketPath: '/var/run/docker.sock' },
    ...(runtimeDir === undefined
      ? []
      : [
          { from: 'rootless Podman', socketPath: join(runtimeDir, 'podman/podman.sock') },
          { from: 'rootless Docker', socketPath: join(runtimeDir, 'docker.sock') },
        ]),
    { from: 'Podman', socketPath: '/run/podman/podman.sock' },
    { from: 'Docker Desktop', socketPath: join(home, '.docker/run/docker.sock') },
  ];
}

/** The engine behind a socket, or why there is none. Never throws. */
export async function pingEngine(
  socketPath: string,
): Promise<ContainerEngine | { readonly code: string; readonly why: string }> {
  try {
    const ping = await askEngine(socketPath, { path: '/_ping', timeoutMs: PING_TIMEOUT_MS });
    if (ping.status !== 200) return { code: 'HTTP', why: `HTTP ${ping.status}` };
    const kind = ping.headers['libpod-api-version'] === undefined ? 'docker' : 'podman';
    const version = await askEngine(socketPath, { path: '/version', timeoutMs: PING_TIMEOUT_MS });
    return { kind, socketPath, version: parseVersion(version.text) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
    return { code, why: error instanceof Error ? error.message : String(error) };
  }
}

/** `Version` of the answer to `/version`; `unknown` for anything else. */
export function parseVersion(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const isNamed = typeof value === 'object' && value !== null && 'Version' in value;
    return isNamed && typeof value.Version === 'string' && value.Version !== '' ? value.Version : 'unknown';
  } catch {
    return 'unknown';
  }
}

function advise({
  isForbidden,
  allowInstall,
}: {
  readonly isForbidden: boolean;
  readonly allowInstall: boolean;
}): string {
  const asRoot = isRoot();
  if (isForbidden) return 'the socket is not open to you: "sudo usermod -aG docker $USER", then log in again';
  if (process.platform === 'darwin') return 'start Docker Desktop, or "podman machine start"';
  if (findProgram('podman') !== null && !asRoot) return '"systemctl --user start podman.socket"';
  if (findProgram('dockerd') !== null && !asRoot) return '"sudo systemctl start docker"';
  if (findProgram('apt-get') === null)
    return 'install Docker or Podman with the package manager of this machine, and start it';
  if (!asRoot)
    return '"sudo apt-get install docker.io", or "sudo apt-get install podman" and "systemctl --user start podman.socket"';
  return allowInstall
    ? 'see above why it could not be installed or started'
    : 'allow it to be installed, or "apt-get install docker.io"';
}
