import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../errors.ts';
import { readEnvironment } from '../config.ts';
import { findStaticBusybox } from './busybox.ts';
import { listLibraries } from './library-closure.ts';
import type { BuiltImage, ImageFile, ImageOptions } from './scratch-image.ts';
import { buildScratchImage } from './scratch-image.ts';

/** The same place seen from `src/containers` and from `dist/containers`. */
const EXAMPLE = fileURLToPath(new URL('../../../../examples/hello/', import.meta.url));
const PORT = 8080;
const APPLETS = ['sh', 'httpd', 'wc', 'id', 'cat', 'ls', 'sleep', 'kill', 'echo', 'env', 'wget'];

export type HelloImageOptions = {
  /** Where a fetched busybox is kept. Default: this user's cache. */
  readonly cacheDir?: string;
  readonly report?: (line: string) => void;
  /** False: download nothing. Default true. */
  readonly allowInstall?: boolean;
  /** Which program the image is made of. Default: busybox, and Node where there is none. */
  readonly base?: 'busybox' | 'node';
};

/**
 * Has the image of `examples/hello` in the engine under `tag`, built from what this machine has. Idempotent and quick
 * when it is there.
 *
 * @throws EngineError `NO_IMAGE_CONTENT` if there is neither a static busybox nor a Linux Node here
 * @throws EngineError `IMAGE_REFUSED`, `INVALID_OPTION` see `buildScratchImage`
 */
export async function ensureHelloImage(
  socketPath: string,
  tag: string,
  options: HelloImageOptions = {},
): Promise<BuiltImage> {
  const { report = () => undefined, base } = options;
  const content =
    base === 'node'
      ? await withNode()
      : ((await withBusybox(options)) ?? (base === 'busybox' ? null : await withNode()));
  if (content === null) {
    throw new EngineError(
      'NO_IMAGE_CONTENT',
      'nothing here can be put into an image: install busybox-static, or use an image of your own',
    );
  }
  const image = await buildScratchImage(socketPath, tag, content);
  report(
    `hello: image ${tag} ${image.isNew ? `built from ${content.entrypoint[0] === NODE ? 'Node' : 'busybox'}` : 'is there'}`,
  );
  return image;
}

const NODE = '/bin/node';

async function withBusybox({
  cacheDir,
  report = () => undefined,
  allowInstall,
}: HelloImageOptions): Promise<ImageOptions | null> {
  const cache = cacheDir ?? readEnvironment().cacheDir;
  const busybox = await findStaticBusybox({ cacheDir: cache, report, allowInstall });
  if (busybox === null) return null;
  return await toImage(
    ['/bin/hello'],
    [
      { path: '/bin/busybox', mode: 0o755, bytes: await readFile(busybox) },
      ...APPLETS.map((applet) => ({ path: `/bin/${applet}`, linkTo: 'busybox' })),
      { path: '/bin/hello', mode: 0o755, bytes: await readFile(join(EXAMPLE, 'hello.sh')) },
    ],
  );
}

async function withNode(): Promise<ImageOptions | null> {
  const libraries = process.platform === 'linux' ? await listLibraries(process.execPath) : null;
  if (libraries === null) return null;
  const files = libraries.map(async ({ path, file }) => ({ path, mode: 0o755, bytes: await readFile(file) }));
  return await toImage(
    [NODE, '/bin/hello.mjs'],
    [
      ...(await Promise.all(files)),
      { path: NODE, mode: 0o755, bytes: await readFile(process.execPath) },
      { path: '/bin/hello.mjs', mode: 0o644, bytes: await readFile(join(EXAMPLE, 'hello.mjs')) },
    ],
  );
}

async function toImage(entrypoint: readonly string[], programs: readonly ImageFile[]): Promise<ImageOptions> {
  const www = join(EXAMPLE, 'www');
  const names = (await readdir(www)).toSorted();
  const pages = names.map(async (name) => ({
    path: `/www/${name}`,
    mode: 0o644,
    bytes: await readFile(join(www, name)),
  }));
  return {
    entrypoint,
    files: [...programs, ...(await Promise.all(pages))],
    directories: ['/run/secrets', '/tmp'],
    exposedPorts: [PORT],
  };
}
