import type { Log } from './log.ts';

export type StopStep = readonly [name: string, run: () => unknown];

/**
 * Runs the steps one after the other. A step that fails is logged and the next ones run all the same: a lease must be given back although
 * a consumer hung.
 * @returns whether all went well within the time
 */
export async function runStopSteps(steps: readonly StopStep[], withinMs: number, log: Log): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, withinMs, 'late');
  });
  let isClean = true;
  for (const [name, run] of steps) {
    const startedMs = performance.now();
    try {
      const outcome = await Promise.race([(async () => void (await run()))(), late]);
      if (outcome === 'late') {
        log.error({ step: name, withinMs }, 'stopping took too long');
        return false;
      }
      log.info({ step: name, ms: Math.round(performance.now() - startedMs) }, 'stopped');
    } catch (error) {
      isClean = false;
      log.error({ err: error, step: name }, 'a step of stopping failed');
    }
  }
  clearTimeout(timer);
  return isClean;
}
