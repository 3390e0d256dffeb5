import { readFileSync } from 'node:fs';

/** Reads one of the vector files of this repository, the ones every language runs. */
export function readOwn(name: string): string {
  return readFileSync(new URL(`../../../spec/vectors/canon/${name}`, import.meta.url), 'utf8');
}
