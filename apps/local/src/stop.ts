import { isProcessAlive, stopContainerEngine, stopNats, stopPostgres } from '@logline/engines';
import { isRunning, readEnvFile } from './env-file.ts';
import type { Layout } from './layout.ts';

const GONE_WITHIN_MS = 60_000;

/** Ends an installation that runs in the background, and whatever a killed one has left. Idempotent. */
export async function stopInstallation(layout: Layout, report: (line: string) => void): Promise<number> {
  const env = await readEnvFile(layout.env);
  const supervisor = env?.processes['supervisor'];
  if (supervisor !== undefined && isRunning(env)) {
    process.kill(supervisor, 'SIGTERM');
    const deadlineMs = Date.now() + GONE_WITHIN_MS;
    while (isProcessAlive(supervisor, null) && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (isProcessAlive(supervisor, null)) {
      report(`process ${supervisor} does not end`);
      return 1;
    }
    report('stopped');
  } else {
    report('nothing runs');
  }
  // services end with their supervisor; engines that outlived it are recorded in their folders
  await Promise.all([
    stopNats(layout.nats),
    stopPostgres(layout.postgres),
    stopContainerEngine(layout.engine),
  ]);
  return 0;
}
