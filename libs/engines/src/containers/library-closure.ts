import { realpath } from 'node:fs/promises';
import { runTool } from '../process/programs.ts';

/** A library as the program asks for it, and the file that it is on this machine. */
export type Library = { readonly path: string; readonly file: string };

/** All libraries a program of this machine needs to run elsewhere, its linker with them; null where `ldd` cannot say. */
export async function listLibraries(program: string): Promise<readonly Library[] | null> {
  const { code, stdout } = await runTool('ldd', [program], { timeoutMs: 20_000 });
  const paths = code === 0 ? parseLdd(stdout) : null;
  if (paths === null) return null;
  return await Promise.all(paths.map(async (path) => ({ path, file: await realpath(path) })));
}

/** The paths in the output of `ldd`; null when it names none, or one that is not found. */
export function parseLdd(output: string): readonly string[] | null {
  if (/not found/.test(output)) return null;
  const paths = output.split('\n').flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  return paths.length === 0 ? null : [...new Set(paths)];
}
