import { randomBytes } from 'node:crypto';
import { chown, mkdir, readlink, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { readlinkSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { lastWords, runTool } from '../process/programs.ts';
import type { PostgresBinaries } from './binaries.ts';
import type { PostgresOwner } from './owner.ts';
import { SHARED_HOME, canReach } from './owner.ts';

const INITDB_TIMEOUT_MS = 120_000;

export type DataDirectoryOptions = {
  readonly dir: string;
  readonly owner: PostgresOwner;
  readonly binaries: PostgresBinaries;
  readonly user: string;
  readonly password: string;
};

/**
 * The data directory of `dir`, made by `initdb` the first time. Dying in the middle leaves nothing that would be taken
 * for a database. Where the owner cannot reach `dir`, the data lives below `/var/lib/logline` and `dir/data` points there.
 */
export async function openDataDirectory(options: DataDirectoryOptions): Promise<string> {
  const data = join(options.dir, 'data');
  if (await isDatabase(data)) return await readlink(data).catch(() => data);
  await rm(data, { recursive: true, force: true });
  const isNear = await canReach(options.owner, options.dir);
  const home = isNear ? options.dir : join(SHARED_HOME, `postgres-data-${randomBytes(8).toString('hex')}`);
  if (!isNear) await mkdir(home, { recursive: true, mode: 0o755 });
  const place = isNear ? data : join(home, 'data');
  await initialise(options, place);
  if (isNear) return place;
  // for whoever finds it there after the checkout is gone
  await writeFile(join(home, 'belongs-to'), `${data}\n`);
  await symlink(place, data);
  return place;
}

/** Removes the database of `dir` wherever it lives. The server must not run. Idempotent. */
export async function removeDataDirectory(dir: string): Promise<void> {
  const data = join(dir, 'data');
  const target = await readlink(data).catch(() => null);
  if (target !== null && target.startsWith(`${SHARED_HOME}/postgres-data-`)) {
    await rm(join(target, '..'), { recursive: true, force: true });
  }
  await rm(data, { recursive: true, force: true });
}

async function isDatabase(data: string): Promise<boolean> {
  return await stat(join(data, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

async function initialise(
  { dir, owner, binaries, user, password }: DataDirectoryOptions,
  place: string,
): Promise<void> {
  const [unfinished, passwordFile] = [`${place}.new`, `${place}.password`];
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  const { uid, gid } = owner.ids;
  if (uid !== undefined && gid !== undefined)
    for (const path of [unfinished, passwordFile]) await chown(path, uid, gid);
  // the built-in locale is the same on every machine, whatever the system has
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const args = [
    '-D',
    unfinished,
    `--username=${user}`,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    ...locale,
  ];
  const result = await runTool(binaries.initdb, args, { timeoutMs: INITDB_TIMEOUT_MS, ...owner.ids });
  await unlink(passwordFile);
  if (result.code !== 0) throw new EngineError('START_FAILED', `initdb in ${dir}: ${lastWords(result)}`);
  await rename(unfinished, place);
}

/**
 * Takes away a `postmaster.pid` that no process of this directory stands behind: after a crash its pid may belong to
 * some other program, and PostgreSQL would not start beside it. Linux only; elsewhere PostgreSQL judges alone.
 */
export async function removeStaleLock(dataDir: string): Promise<void> {
  const canJudge = process.platform === 'linux';
  if (canJudge && findProcessesIn(dataDir).length === 0)
    await rm(join(dataDir, 'postmaster.pid'), { force: true });
}

/** The pids that have this as their working directory, which every process of PostgreSQL does. Linux only; else none. */
export function findProcessesIn(dataDir: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && readWorkingDirectory(pid) === dataDir);
}

function readWorkingDirectory(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}
