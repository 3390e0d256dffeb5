import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RunnerError } from '../errors.ts';

export type JournalLock = { release(): Promise<void> };

const FILE = 'lock';

/**
 * Keeps a second runner out of a journal. The file names its process by id, start time and boot, so that a killed one holds nobody off.
 * @throws RunnerError `JOURNAL_LOCKED`
 */
export async function lockJournal(directory: string): Promise<JournalLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, FILE);
  const own = await identityOf(process.pid);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(`${process.pid} ${own ?? ''}`);
      await file.close();
      return { release: () => rm(path, { force: true }) };
    } catch (cause) {
      if (!isExisting(cause)) throw cause;
    }
    const [pid = '', ...identity] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
    const living = await identityOf(Number(pid));
    if (living !== null && living === identity.join(' ')) {
      throw new RunnerError('JOURNAL_LOCKED', `the process ${pid} uses this journal: a runner runs once`);
    }
    await rm(path, { force: true });
  }
  throw new RunnerError('JOURNAL_LOCKED', 'another runner was faster');
}

/** Boot and start time of a process; null when there is none, `''` where the system does not say (then its id alone counts). */
async function identityOf(pid: number): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    const isForeign =
      typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'EPERM';
    if (!isForeign) return null;
  }
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // the name in brackets may hold spaces; start time is the 20th field behind it
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${boot.trim()} ${startTime ?? ''}`;
  } catch {
    return '';
  }
}

function isExisting(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'EEXIST';
}
