import type { Supervisor } from './supervisor.ts';
import { LocalError } from './errors.ts';

const LOOK_EVERY_MS = 50;

/** Resolves when the service says on `/readyz` that it can do its work. @throws LocalError `NOT_READY` with the end of its log */
export async function waitReady(
  name: string,
  port: number,
  supervisor: Supervisor,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (performance.now() < deadlineMs) {
    signal.throwIfAborted();
    if (await isReady(port)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new LocalError('NOT_READY', `${name} is not ready; the end of its log:\n${supervisor.logTail(name)}`);
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
