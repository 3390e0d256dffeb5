import { findProgram, runTool } from './programs.ts';

let found: Promise<string | null> | undefined;

/**
 * The command, so that the scheduler takes it for one that wants to get through its work (`SCHED_BATCH`, sched(7)): when it wakes it does not push aside whoever
 * runs. Where a dozen processes share a few cores each then works longer at a time, with what it needs still in the caches. Needs no privilege; where there is no
 * `chrt`, or a sandbox does not let it, the command stays as it is.
 */
export async function batchScheduled(
  command: string,
  args: readonly string[],
): Promise<[string, readonly string[]]> {
  const chrt = await (found ??= findChrt());
  return chrt === null ? [command, args] : [chrt, ['-b', '0', command, ...args]];
}

async function findChrt(): Promise<string | null> {
  const chrt = process.platform === 'linux' ? findProgram('chrt') : null;
  if (chrt === null) return null;
  const { code } = await runTool(chrt, ['-b', '0', 'true'], { timeoutMs: 5_000 });
  return code === 0 ? chrt : null;
}
