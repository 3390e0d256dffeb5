import type { ContainerInspectInfo } from 'dockerode';
import { parseLabels } from './container-spec.ts';
import type { RunStatus } from './target.ts';

/** The engine's inspect answer, read once; null for a container that is not one of ours. Inspect is the truth about exits (no event, no wait is). */
export function toRunStatus(inspected: ContainerInspectInfo): RunStatus | null {
  const run = parseLabels(inspected.Config.Labels ?? {});
  if (run === null) return null;
  const { State } = inspected;
  const state = stateOf(State.Status);
  const startedAtMs = parseTime(State.StartedAt);
  const finishedAtMs = parseTime(State.FinishedAt);
  return {
    container: inspected.Id,
    run,
    image: inspected.Image,
    state,
    startedAtMs,
    ...(state === 'exited'
      ? { finishedAtMs: notBefore(startedAtMs, finishedAtMs), exitCode: parseExitCode(State.ExitCode) }
      : {}),
    isOomKilled: state === 'exited' && State.OOMKilled,
    ports: state === 'running' ? portsOf(inspected) : [],
  };
}

function stateOf(status: string): RunStatus['state'] {
  switch (status) {
    case 'created':
    case 'configured': // Podman, between create and start
    case 'initialized':
      return 'created';
    case 'running':
    case 'paused':
    case 'restarting':
    case 'stopping':
      return 'running';
    default:
      return 'exited'; // exited, dead, removing, stopped
  }
}

/** Engines write year 1 for "never". */
function parseTime(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
}

/** Docker reads two clocks: a process of a millisecond can end before it began. */
function notBefore(startedAtMs: number | undefined, finishedAtMs: number | undefined): number | undefined {
  return startedAtMs === undefined || finishedAtMs === undefined
    ? finishedAtMs
    : Math.max(startedAtMs, finishedAtMs);
}

function parseExitCode(code: number): number | undefined {
  return Number.isInteger(code) && code >= 0 && code <= 255 ? code : undefined;
}

function portsOf(inspected: ContainerInspectInfo): RunStatus['ports'] {
  // the engine leaves the field out of a container without network
  const published: Record<string, { HostPort?: string }[] | null> = inspected.NetworkSettings?.Ports ?? {};
  return Object.entries(published).flatMap(([key, bound]) => {
    const [port, protocol] = key.split('/');
    // one binding each for IPv4 and IPv6: the same host port, told once
    const host = Number(bound?.[0]?.HostPort);
    if ((protocol !== 'tcp' && protocol !== 'udp') || !Number.isInteger(host) || host < 1) return [];
    return [{ container: Number(port), host, protocol }];
  });
}
