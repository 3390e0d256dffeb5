import { randomBytes } from 'node:crypto';
import { chmod, link, lstat, mkdir, open, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from './errors.ts';

/** Largest file any command reads: a `.llc` of 64 MiB and its headers. */
const MAX_FILE_BYTES = 65 * 1024 * 1024;

/** @throws CliError `NOT_FOUND` when there is none, `INVALID_INPUT` when it is larger than anything we read or cannot be read */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new CliError('INVALID_INPUT', `${path} is larger than ${MAX_FILE_BYTES} bytes`);
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw toFileError(cause, path);
  }
}

/** Null when there is no such file. */
export async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null;
    throw toFileError(cause, path);
  }
}

/**
 * A file that holds a secret: nobody but its owner may read it, and it is ours.
 *
 * @throws CliError `NOT_FOUND`; `UNSAFE_FILE` when others can read or write it, or it is no plain file of ours
 */
export async function readPrivate(path: string, what: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new CliError('UNSAFE_FILE', `${what} ${path} is not a plain file`);
    if ((info.mode & 0o077) !== 0 && process.platform !== 'win32') {
      const mode = (info.mode & 0o777).toString(8).padStart(4, '0');
      throw new CliError('UNSAFE_FILE', `${what} ${path} can be read by others (mode ${mode})`, {
        fix: `chmod 600 ${path}`,
      });
    }
    const ours = process.getuid?.();
    if (ours !== undefined && info.uid !== ours && ours !== 0) {
      throw new CliError('UNSAFE_FILE', `${what} ${path} belongs to somebody else`, {
        fix: `use a file of your own`,
      });
    }
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw toFileError(cause, path, what);
  }
}

/** Writes 0600, all or nothing: a crash leaves the old file or the new one, on disk. */
export async function writePrivate(path: string, bytes: Uint8Array): Promise<void> {
  await writeAtomic(path, bytes, 0o600);
}

/** Writes 0644, all or nothing. */
export async function writePublic(path: string, bytes: Uint8Array): Promise<void> {
  await writeAtomic(path, bytes, 0o644);
}

async function writeAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const isPrivate = mode === 0o600;
  await mkdir(dirname(path), { recursive: true, ...(isPrivate ? { mode: 0o700 } : {}) });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, mode); // whatever the umask said
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw toFileError(cause, path);
  }
}

/** As `writePrivate`, for a file that must not be there yet. @throws CliError `CONFLICT` when it is */
export async function createPrivate(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writePrivate(temporary, bytes);
  try {
    await link(temporary, path); // fails when the name is taken, unlike a rename
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) throw new CliError('CONFLICT', `${path} exists already`, { cause });
    throw toFileError(cause, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

const LOCK_WAIT_MS = 10_000;

/** Runs alone among all processes that lock the same path. A lock whose process is gone is taken over. */
export async function withFileLock<T>(path: string, run: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const until = Date.now() + LOCK_WAIT_MS;
  while (!(await tryLock(lock))) {
    if (Date.now() > until) {
      throw new CliError('CONFLICT', `${path} is in use by another logline`, {
        fix: `wait for it; if there is none, remove ${lock}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  try {
    return await run();
  } finally {
    await unlink(lock).catch(() => undefined);
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx', 0o600);
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw toFileError(cause, lock);
  }
  const pid = Number(new TextDecoder().decode((await readIfThere(lock)) ?? new Uint8Array()));
  if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) await rm(lock, { force: true });
  return false;
}

/** Whether a process of that id runs on this machine. */
export function isAlive(pid: number): boolean {
  if (pid <= 0) return false; // 0 and below would mean groups of processes
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return isErrno(cause, 'EPERM');
  }
}

/** `0600`-style text of a file's mode; null when there is no file. */
export async function modeOf(path: string): Promise<string | null> {
  try {
    return ((await lstat(path)).mode & 0o777).toString(8).padStart(4, '0');
  } catch {
    return null;
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function toFileError(cause: unknown, path: string, what = ''): CliError {
  if (cause instanceof CliError) return cause;
  const name = what === '' ? path : `${what} ${path}`;
  if (isErrno(cause, 'ENOENT')) return new CliError('NOT_FOUND', `there is no file ${name}`, { cause });
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CliError('INVALID_INPUT', `${name} cannot be used: ${why}`, { cause });
}
