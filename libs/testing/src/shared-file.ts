import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/**
 * Path of a file beside the repository that is not ours to ship (`vectors/blake3.json`), from `LOGLINE_SHARED` or `../shared`. Undefined where it is
 * not there, with the reason printed once: `describe.skipIf(file === undefined)`.
 */
export function sharedFile(path: string): string | undefined {
  const base = process.env['LOGLINE_SHARED'] ?? join(ROOT, '../shared');
  const file = join(base, path);
  if (existsSync(file)) return file;
  if (!told.has(path))
    console.warn(
      `skipped: ${path} is not beside the repository; set LOGLINE_SHARED to the folder that has it`,
    );
  told.add(path);
  return undefined;
}

const told = new Set<string>();
