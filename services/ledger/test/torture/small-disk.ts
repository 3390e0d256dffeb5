import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file system of its own for the database, so that it can really be full. */
export type SmallDisk = {
  readonly dir: string;
  /** Why it is not small, where this machine does not allow it: then `fill` does nothing. */
  readonly problem: string | undefined;
  /** Takes what is left. */
  fill(): void;
  free(): void;
  remove(): void;
};

const SIZE_MB = 640;

export function mountSmallDisk(dir: string): SmallDisk {
  mkdirSync(dir, { recursive: true });
  const problem = mount(dir);
  const ballast = join(dir, 'ballast');
  return {
    dir,
    problem,
    fill: () => {
      if (problem === undefined) fillUp(dir, ballast);
    },
    free: () => rmSync(ballast, { force: true }),
    remove: () => {
      if (problem === undefined) execFileSync('umount', ['-l', dir], { stdio: 'ignore' });
    },
  };
}

function mount(dir: string): string | undefined {
  if (process.platform !== 'linux') return 'a small disk can be mounted on Linux only';
  if (process.getuid?.() !== 0) return 'mounting a small disk takes root';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m,mode=0755`, 'tmpfs', dir], {
      stdio: 'pipe',
    });
    return undefined;
  } catch (error) {
    return `a small disk could not be mounted: ${error instanceof Error ? error.message : 'unknown'}`;
  }
}

function fillUp(dir: string, file: string): void {
  const piece = Buffer.alloc(1024 * 1024);
  const descriptor = openSync(file, 'w', 0o644);
  try {
    for (let size = piece.length; size >= 4096;) {
      const { bavail, bsize } = statfsSync(dir);
      if (bavail * bsize === 0) break;
      try {
        if (writeSync(descriptor, piece, 0, size) < size) size = 4096;
      } catch {
        size = size === 4096 ? 0 : 4096;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
