import { access, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Written whole or not at all, also when the power fails: on disk before it has its name. */
export async function writeWhole(
  folder: string,
  path: string,
  content: Uint8Array | string | AsyncIterable<string>,
): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(`${file}.new`, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/** The same, and nothing where the file holds just that: what costs is the disk. */
export async function writeChanged(folder: string, path: string, content: Uint8Array): Promise<void> {
  const there = await readFile(join(folder, path)).catch(() => undefined);
  if (there?.equals(content) !== true) await writeWhole(folder, path, content);
}

export async function isThere(folder: string, path: string): Promise<boolean> {
  return await access(join(folder, path)).then(
    () => true,
    () => false,
  );
}
