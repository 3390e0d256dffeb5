import { join, resolve } from 'node:path';
import { modeOf } from '../files.ts';
import type { Io } from '../io.ts';

/** The manifest to write into: the one named; `false` for none; else `manifest.json` of this folder when there is one. Null for none. */
export async function manifestToEdit(io: Io, named: string | false | undefined): Promise<string | null> {
  if (named === false) return null;
  if (named !== undefined) return resolve(io.cwd, named);
  const usual = join(io.cwd, 'manifest.json');
  return (await modeOf(usual)) === null ? null : usual;
}
