import { rm } from 'node:fs/promises';
import { isProcessAlive, stopContainerEngine, stopNats, stopPostgres, stopProcess } from '@logline/engines';
import { clearContainers } from './clear-containers.ts';
import { isRunning, readEnvFile, type EnvFile } from './env-file.ts';
import type { Layout } from './layout.ts';

const GONE_WITHIN_MS = 60_000;
/** What a service may take to end, as when its supervisor asks it. */
const SERVICE_WITHIN_MS = 15_000;
/** Engines are ended by what their folders remember of them. */
const NOT_SERVICES: ReadonlySet<string> = new Set([
  'supervisor',
  'nats-server',
  'postgres',
  'docker',
  'podman',
]);

/** Ends an installation that runs in the background, and whatever a killed one has left. Idempotent. */
export async function stopInstallation(layout: Layout, report: (line: string) => void): Promise<number> {
  const env = await readEnvFile(layout.env);
  const supervisor = env?.processes['supervisor'];
  if (supervisor !== undefined && isRunning(env)) {
    const startedAt = env?.started?.['supervisor'];
    process.kill(supervisor, 'SIGTERM');
    const deadlineMs = performance.now() + GONE_WITHIN_MS;
    while (isProcessAlive(supervisor, startedAt) && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (isProcessAlive(supervisor, startedAt)) {
      report(`process ${supervisor} does not end`);
      return 1;
    }
    report('stopped');
  } else if ((await endLeftovers(env, report)) === 0) {
    report('nothing runs');
  }
  // an engine that is not ours has outlived a killed supervisor, with our containers
  const engine = env?.engine;
  if (engine !== undefined && env?.processes[engine.kind] === undefined)
    await clearContainers(engine, report).catch((error: unknown) => report(String(error)));
  // engines are recorded in their folders
  await Promise.all([
    stopNats(layout.nats),
    stopPostgres(layout.postgres),
    stopContainerEngine(layout.engine),
  ]);
  await rm(layout.runnerSecrets, { recursive: true, force: true });
  return 0;
}

/**
 * Ends the services that a killed supervisor has left. They were told to end when it died, and may take their time, since their engines
 * ended with them. Says how many there were.
 */
export async function endLeftovers(env: EnvFile | null, report: (line: string) => void): Promise<number> {
  const left = Object.entries(env?.processes ?? {}).flatMap(([name, pid]) => {
    const startedAt = env?.started?.[name];
    // a pid without its start may be anybody's by now
    const isOurs = typeof startedAt === 'string' && isProcessAlive(pid, startedAt);
    return isOurs && !NOT_SERVICES.has(name) ? [{ name, pid, startedAt }] : [];
  });
  if (left.length > 0) report(`ending what was left: ${left.map(({ name }) => name).join(', ')}`);
  await Promise.all(
    left.map((service) =>
      stopProcess({ ...service, stopSignal: 'SIGTERM', stopWithinMs: SERVICE_WITHIN_MS }),
    ),
  );
  return left.length;
}
