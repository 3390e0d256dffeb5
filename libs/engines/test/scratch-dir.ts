import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's own cache, so that a fetched nats-server is there for the next run. */
export const CACHE_DIR = fileURLToPath(new URL('../../../.logline/cache', import.meta.url));

/** A new directory that the database's user can walk through. */
export function makeScratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'logline-engines-'));
  chmodSync(dir, 0o755);
  return dir;
}

export function removeScratchDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}
