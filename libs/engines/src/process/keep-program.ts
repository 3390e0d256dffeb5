import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Copies a program to `<into>/<name>` in one step, so that two processes that do it at once do not meet. */
export async function keepProgram(path: string, into: string, name: string): Promise<string> {
  await mkdir(into, { recursive: true });
  const staging = await mkdtemp(join(into, 'new-'));
  try {
    const staged = join(staging, name);
    await copyFile(path, staged);
    await chmod(staged, 0o755);
    await rename(staged, join(into, name));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return join(into, name);
}
