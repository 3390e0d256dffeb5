import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sharedDir =
  process.env['LOGLINE_SHARED'] ?? fileURLToPath(new URL('../../../../shared', import.meta.url));

/**
 * Reads one of the vector files other people published. They are not part of this repository: they lie in `vectors/` of
 * `LOGLINE_SHARED`, or of the folder `shared` beside the repository. Where they are absent the test is skipped, with the reason.
 */
export function readPublished(name: string, test: { readonly skip: (reason: string) => never }): Buffer {
  const file = `${sharedDir}/vectors/${name}`;
  if (!existsSync(file)) test.skip(`published vectors are not here: vectors/${name} (set LOGLINE_SHARED)`);
  return readFileSync(file);
}
