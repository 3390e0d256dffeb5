import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';

/** False for a user that has no name as well, as containers have them. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Names one process for good: its start time within this boot. A pid alone may be somebody else's tomorrow.
 * Null when there is no such process, or only its zombie.
 */
export function readProcessStart(pid: number): string | null {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (process.platform !== 'linux') return readStartFromPs(pid);
  try {
    const start = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return start === null ? null : `${readBootId()}:${start}`;
  } catch {
    return null;
  }
}

/**
 * True while the process lives. With `startedAt` (from `readProcessStart`) also only while it is the same process.
 * Never throws: garbage is not alive.
 */
export function isProcessAlive(pid: number, startedAt?: string | null): boolean {
  const start = readProcessStart(pid);
  return start !== null && (startedAt === undefined || startedAt === null || start === startedAt);
}

/**
 * The pids of the processes of that program whose command line has a path below `dir`: what an engine of ours has left
 * behind. Linux only; else none.
 */
export function findProcessesNaming(program: RegExp, dir: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false;
      try {
        const [name = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return program.test(basename(name)) && args.some((arg) => arg.includes(`${dir}/`));
      } catch {
        return false;
      }
    });
}

/** Field 22 (start time in ticks) of `/proc/<pid>/stat`; null for a zombie or a dead one. The name in field 2 may hold anything, even `)`. */
export function parseProcStat(stat: string): string | null {
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = afterName;
  const start = afterName[19];
  if (state === undefined || start === undefined || state === 'Z' || state === 'X') return null;
  return start;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return 'unknown';
  }
}

function readStartFromPs(pid: number): string | null {
  try {
    const [state = '', ...start] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trim()
      .split(/\s+/);
    return state === '' || state.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}
