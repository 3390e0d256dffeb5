import { unpackLlc } from '@logline/artifact';
import { dirname, join, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { readIfThere, readInput } from '../files.ts';
import { type JsonObject, readJsonObject } from '../json-file.ts';
import { readStdin } from '../terminal/prompt.ts';

export type LoadedManifest = {
  readonly manifest: JsonObject;
  /** As people call it: a path, or `stdin`. */
  readonly name: string;
  readonly kind: 'json' | 'llc';
  /** Where `artifacts/` is looked for. */
  readonly dir: string;
  /** Sealed bytes that came along, by artifact id; of a `.llc` all of them. */
  readonly artifacts: ReadonlyMap<string, Uint8Array>;
};

const MAX_STDIN_BYTES = 65 * 1024 * 1024;
const ZIP_START = [0x50, 0x4b] as const;

/**
 * A manifest from a JSON file, a `.llc`, or stdin (`-`), with the sealed artifacts beside it. What it is shows in its first bytes, not its name.
 *
 * @throws CliError, ArtifactError
 */
export async function loadManifest(context: Context, path: string): Promise<LoadedManifest> {
  const isStdin = path === '-';
  const name = isStdin ? 'stdin' : path;
  const full = resolve(context.io.cwd, path);
  const dir = isStdin ? context.io.cwd : dirname(full);
  const bytes = isStdin ? await readStdin(context.io, MAX_STDIN_BYTES) : await readInput(full);
  if (bytes[0] === ZIP_START[0] && bytes[1] === ZIP_START[1]) {
    const { manifest, artifacts } = await unpackLlc(bytes);
    return { manifest, artifacts, name, dir, kind: 'llc' };
  }
  const manifest = readJsonObject(bytes, name);
  return { manifest, name, dir, kind: 'json', artifacts: await readSealed(manifest, dir) };
}

export function sealedPath(dir: string, artifactId: string): string {
  return join(dir, 'artifacts', artifactId);
}

async function readSealed(manifest: JsonObject, dir: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const sealed = new Map<string, Uint8Array>();
  for (const id of artifactIds(manifest)) {
    const bytes = await readIfThere(sealedPath(dir, id));
    if (bytes !== null) sealed.set(id, bytes);
  }
  return sealed;
}

/** Ids that can be file names, of whatever list the manifest has. */
function artifactIds(manifest: JsonObject): readonly string[] {
  const list = manifest['artifacts'];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const id = typeof item === 'object' && item !== null && 'id' in item ? item.id : null;
    return typeof id === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(id) && !/^\.{1,2}$/.test(id) ? [id] : [];
  });
}
