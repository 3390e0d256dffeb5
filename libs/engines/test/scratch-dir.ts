import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment } from '../src/config.ts';

/** Where the other suites keep a fetched nats-server too. */
export const CACHE_DIR = readEnvironment().cacheDir;

/** A new directory that the database's user can walk through. */
export function makeScratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'logline-engines-'));
  chmodSync(dir, 0o755);
  return dir;
}

export function removeScratchDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}
