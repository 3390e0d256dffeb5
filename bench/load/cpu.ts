import { readFile } from 'node:fs/promises';

/** Milliseconds of CPU time by process, and of all children of some (PostgreSQL's backends). Linux only, as the bench is. */
export type CpuTimes = ReadonlyMap<string, number>;

/** What the processes of an installation have used so far, and this one as `load generator`. */
export async function readCpuTimes(home: string): Promise<CpuTimes> {
  const env = JSON.parse(await readFile(`${home}/.logline/dev/env.json`, 'utf8'));
  const processes: Record<string, number> = { ...env.processes, 'load generator': process.pid };
  const times = new Map<string, number>();
  for (const [name, pid] of Object.entries(processes))
    times.set(name, await cpuMsOf(pid, name === 'postgres'));
  return times;
}

/** Microseconds of CPU a span took, by process; the total last. */
export function cpuPerSpan(before: CpuTimes, after: CpuTimes, spans: number): Record<string, number> {
  const used = [...after].map(([name, ms]): [string, number] => [
    name,
    Math.round(((ms - (before.get(name) ?? 0)) * 1000) / spans),
  ]);
  used.sort((a, b) => b[1] - a[1]);
  const total = used.reduce((sum, [, us]) => sum + us, 0);
  return { ...Object.fromEntries(used.filter(([, us]) => us > 0)), total };
}

const MS_PER_TICK = 10;

async function cpuMsOf(pid: number, withChildren: boolean): Promise<number> {
  const own = await ticksOf(pid);
  if (!withChildren) return own * MS_PER_TICK;
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => ''))
    .trim()
    .split(' ')
    .filter((child) => child !== '');
  const all = await Promise.all(children.map((child) => ticksOf(Number(child))));
  return all.reduce((sum, ticks) => sum + ticks, own) * MS_PER_TICK;
}

/** User and system time; 0 of a process that has ended. proc(5). */
async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}
