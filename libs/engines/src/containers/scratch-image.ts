import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { EngineError } from '../errors.ts';
import { askEngine } from './engine-request.ts';
import type { TarEntry } from './tar.ts';
import { toTar } from './tar.ts';

const ASK_TIMEOUT_MS = 30_000;
const LOAD_TIMEOUT_MS = 180_000;
/** Names what is in an image, so that the same content is not loaded twice. */
export const CONTENT_LABEL = 'logline.content';

/** A file or link of an image, by absolute path. The directories above it are made. */
export type ImageFile =
  | { readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly path: string; readonly linkTo: string };

export type ImageOptions = {
  readonly files: readonly ImageFile[];
  readonly entrypoint: readonly string[];
  /** Empty directories, for what is mounted there. */
  readonly directories?: readonly string[];
  readonly env?: readonly string[];
  /** `uid:gid`. Default: nobody in particular, 65532:65532. */
  readonly user?: string;
  readonly exposedPorts?: readonly number[];
  /** As Go names it. Default: this machine's. */
  readonly architecture?: string;
};

export type BuiltImage = {
  /** The tag, as containers are created from. */
  readonly reference: string;
  /** The hash of the image's configuration; the same on every engine for the same content. */
  readonly imageId: string;
  /** False when the engine had it already. */
  readonly isNew: boolean;
};

/**
 * Puts an image that is built here from nothing into an engine, without any registry: one layer, one tag. Does nothing
 * when the tag has this very content already; otherwise the tag moves. Docker and Podman alike.
 *
 * @throws EngineError `IMAGE_REFUSED` if the engine does not take it or does not answer
 * @throws EngineError `INVALID_OPTION` if a path or the tag cannot be
 */
export async function buildScratchImage(
  socketPath: string,
  tag: string,
  options: ImageOptions,
): Promise<BuiltImage> {
  if (!/^[a-z0-9][\w./:-]*:[\w][\w.-]*$/.test(tag)) {
    throw new EngineError(
      'INVALID_OPTION',
      `no tag for an image: ${JSON.stringify(tag)}; it looks like localhost/name:1`,
    );
  }
  const { archive, imageId, contentHash } = toImageArchive(tag, options);
  if ((await readContentLabel(socketPath, tag)) === contentHash)
    return { reference: tag, imageId, isNew: false };
  const type = 'application/x-tar';
  const load = {
    method: 'POST',
    path: '/images/load?quiet=1',
    body: archive,
    type,
    timeoutMs: LOAD_TIMEOUT_MS,
  } as const;
  const answer = await askEngine(socketPath, load).catch((cause: unknown) => {
    throw new EngineError('IMAGE_REFUSED', `the engine at ${socketPath} does not answer`, { cause });
  });
  // success is 200 also when it failed half way
  if (answer.status !== 200 || /"error"/.test(answer.text)) {
    throw new EngineError(
      'IMAGE_REFUSED',
      `the engine did not take the image ${tag}: ${answer.text.trim().slice(0, 500)}`,
    );
  }
  if ((await readContentLabel(socketPath, tag)) !== contentHash) {
    throw new EngineError('IMAGE_REFUSED', `the engine took the image, but ${tag} is not it`);
  }
  return { reference: tag, imageId, isNew: true };
}

export type ImageArchive = {
  readonly archive: Uint8Array;
  readonly imageId: string;
  readonly contentHash: string;
};

/** The archive that `docker save` would make of the image. Pure: the same options are the same bytes. */
export function toImageArchive(tag: string, options: ImageOptions): ImageArchive {
  const layer = toTar(toEntries(options));
  const layerHash = sha256(layer);
  const config = {
    User: options.user ?? '65532:65532',
    Env: [...(options.env ?? ['PATH=/bin'])],
    Entrypoint: [...options.entrypoint],
    WorkingDir: '/',
    StopSignal: 'SIGTERM',
    ExposedPorts: Object.fromEntries((options.exposedPorts ?? []).map((port) => [`${port}/tcp`, {}])),
  };
  const contentHash = sha256(JSON.stringify({ config, layerHash }));
  const image = encode({
    architecture: options.architecture ?? toGoArchitecture(process.arch),
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { ...config, Labels: { [CONTENT_LABEL]: contentHash } },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerHash}`] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'logline' }],
  });
  const imageId = sha256(image);
  const manifest = [{ Config: `${imageId}.json`, RepoTags: [tag], Layers: [`${layerHash}/layer.tar`] }];
  const archive = toTar([
    { path: `${imageId}.json`, mode: 0o644, bytes: image },
    { path: `${layerHash}/layer.tar`, mode: 0o644, bytes: layer },
    { path: 'manifest.json', mode: 0o644, bytes: encode(manifest) },
  ]);
  return { archive, imageId: `sha256:${imageId}`, contentHash };
}

function toEntries({ files, directories = [] }: ImageOptions): readonly TarEntry[] {
  const entries = new Map<string, TarEntry>();
  const addDirectory = (path: string): void => {
    if (path === '.' || path === '' || entries.has(path)) return;
    addDirectory(posix.dirname(path));
    entries.set(path, { path, mode: 0o755, isDirectory: true });
  };
  for (const directory of directories) addDirectory(directory.replace(/^\//, ''));
  for (const file of files) {
    const path = file.path.replace(/^\//, '');
    addDirectory(posix.dirname(path));
    entries.set(path, { ...file, path });
  }
  return [...entries.values()];
}

function toGoArchitecture(arch: string): string {
  return arch === 'x64' ? 'amd64' : arch;
}

async function readContentLabel(socketPath: string, tag: string): Promise<string | null> {
  const answer = await askEngine(socketPath, {
    path: `/images/${tag}/json`,
    timeoutMs: ASK_TIMEOUT_MS,
  }).catch((cause: unknown) => {
    throw new EngineError('IMAGE_REFUSED', `the engine at ${socketPath} does not answer`, { cause });
  });
  if (answer.status !== 200) return null;
  return (
    new RegExp(`"${CONTENT_LABEL.replace('.', '\\.')}":\\s*"([0-9a-f]{64})"`).exec(answer.text)?.[1] ?? null
  );
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
