import { chmod, chown, lstat, mkdir, open, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { containerName, type Run } from './container-spec.ts';
import { TargetError } from './errors.ts';
import type { Secret } from './handoff.ts';

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;
const NAME = /^[a-z0-9][a-z0-9_-]{0,200}$/;

/**
 * Opened secrets as files in memory: one directory a run, one file a variable, on a tmpfs that only this user can enter.
 * As root each file belongs to the container's uid, mode 0400. Otherwise nothing can be given away, and the closed directory is
 * the guard: files are 0444 inside 0700, reachable through the container's bind mount alone.
 */
export class SecretFiles {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /**
   * The directory, made if it is missing.
   * @throws TargetError `SECRETS_UNSAFE` unless it is on tmpfs, our own, and closed to everybody else
   */
  static async open(root: string): Promise<SecretFiles> {
    try {
      await mkdir(root, { recursive: true, mode: 0o700 });
      const { type } = await statfs(root);
      if (type !== TMPFS && type !== RAMFS) {
        throw new TargetError(
          'SECRETS_UNSAFE',
          `${root} is not on tmpfs: name a directory below /run or /dev/shm`,
        );
      }
      const { uid, mode } = await lstat(root);
      const isOwn = process.getuid === undefined || uid === process.getuid();
      if (!isOwn || (mode & 0o077) !== 0 || (mode & 0o170000) !== 0o040000) {
        throw new TargetError('SECRETS_UNSAFE', `${root} must be a directory of this user with mode 0700`);
      }
    } catch (cause) {
      if (cause instanceof TargetError) throw cause;
      throw new TargetError('SECRETS_UNSAFE', `${root} cannot be used for secrets`, { cause });
    }
    return new SecretFiles(root);
  }

  directoryOf(run: Run): string {
    return join(this.root, containerName(run));
  }

  /** Lays out the files of one run; again with the same names replaces them. */
  async write(run: Run, secrets: readonly Secret[], uid: number): Promise<void> {
    const directory = this.directoryOf(run);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const { variable, value } of secrets) await this.#writeOne(join(directory, variable), value, uid);
    } catch (cause) {
      await this.remove(run);
      throw new TargetError('SECRETS_UNSAFE', `the secret files of ${containerName(run)} cannot be written`, {
        cause,
      });
    }
  }

  async #writeOne(path: string, value: Uint8Array, uid: number): Promise<void> {
    await rm(path, { force: true });
    const file = await open(path, 'wx', 0o400);
    try {
      await file.writeFile(value);
    } finally {
      await file.close();
    }
    if (process.getuid?.() === 0) await chown(path, uid, uid);
    else await chmod(path, 0o444);
  }

  async remove(run: Run): Promise<void> {
    await rm(this.directoryOf(run), { recursive: true, force: true });
  }

  /** Removes every run's files but those named: what a crash left behind. */
  async wipe(keep: readonly Run[]): Promise<void> {
    const kept = new Set(keep.map(containerName));
    for (const name of await readdir(this.root)) {
      if (!kept.has(name) && NAME.test(name))
        await rm(join(this.root, name), { recursive: true, force: true });
    }
  }
}
