import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { keepProgram } from '../process/keep-program.ts';
import { findPrograms, isExecutable } from '../process/programs.ts';
import type { NatsSource } from './fetch.ts';
import { NATS_SOURCES } from './fetch.ts';
import type { NatsVersion } from './version.ts';
import {
  LOWEST_NATS,
  compareNatsVersions,
  formatNatsVersion,
  isRecentEnough,
  readNatsVersion,
} from './version.ts';

export type NatsBinary = { readonly path: string; readonly version: string };

export type FindNatsOptions = {
  /** The operator's own choice: this one or none. */
  readonly configuredPath?: string;
  /** Where fetched binaries are kept; made when needed. Whoever can write here can run code as this user. */
  readonly cacheDir: string;
  /** Gets one line per step: what is done and why something did not do. */
  readonly report: (line: string) => void;
  /** False: take what is there, download nothing. Default true. */
  readonly allowInstall?: boolean;
  /** The ways to fetch one, in order. Default: all of them. */
  readonly sources?: readonly NatsSource[];
};

/**
 * A nats-server of version 2.12 or later: the configured one, else the first good one on the path, else the newest in
 * the cache, else one that is fetched into the cache. Each is asked for its version before it is accepted. Safe to run
 * in several processes at once on one cache.
 *
 * @throws EngineError `NATS_UNUSABLE` if the configured one is none or too old; nothing else is tried then
 * @throws EngineError `NATS_NOT_FOUND` if no way leads to one; its message says what each answered
 */
export async function findNatsServer(options: FindNatsOptions): Promise<NatsBinary> {
  const { configuredPath, cacheDir, report, allowInstall = true } = options;
  if (configuredPath !== undefined) return await checkConfigured(configuredPath);
  const installed = (await findOnPath(report)) ?? (await findInCache(cacheDir, report));
  if (installed !== null) return installed;
  if (!allowInstall) {
    const how = 'install nats-server 2.12 or later, or allow it to be fetched';
    throw new EngineError(
      'NATS_NOT_FOUND',
      `no nats-server on the path or in ${cacheDir}, and nothing may be fetched; ${how}`,
    );
  }
  return await fetchNatsServer(options);
}

async function checkConfigured(path: string): Promise<NatsBinary> {
  const version = isExecutable(path) ? await readNatsVersion(path) : null;
  if (version === null) throw new EngineError('NATS_UNUSABLE', `${path} is no nats-server that runs here`);
  if (!isRecentEnough(version)) {
    const [is, needed] = [formatNatsVersion(version), formatNatsVersion(LOWEST_NATS)];
    throw new EngineError('NATS_UNUSABLE', `${path} is nats-server ${is}; ${needed} or later is needed`);
  }
  return { path, version: formatNatsVersion(version) };
}

async function findOnPath(report: (line: string) => void): Promise<NatsBinary | null> {
  for (const path of findPrograms('nats-server')) {
    const version = await accept(path, report);
    if (version !== null) return { path, version: formatNatsVersion(version) };
  }
  return null;
}

async function findInCache(cacheDir: string, report: (line: string) => void): Promise<NatsBinary | null> {
  const entries = await readdir(join(cacheDir, 'nats-server')).catch(() => []);
  const here = entries.filter((entry) => entry.endsWith(`-${platform()}-${arch()}`));
  let best: { readonly path: string; readonly version: NatsVersion } | null = null;
  for (const entry of here) {
    const path = join(cacheDir, 'nats-server', entry, 'nats-server');
    const version = isExecutable(path) ? await accept(path, report) : null;
    if (version !== null && (best === null || compareNatsVersions(version, best.version) > 0))
      best = { path, version };
  }
  return best === null ? null : { path: best.path, version: formatNatsVersion(best.version) };
}

async function fetchNatsServer({
  cacheDir,
  report,
  sources = NATS_SOURCES,
}: FindNatsOptions): Promise<NatsBinary> {
  const answers: string[] = [];
  await mkdir(cacheDir, { recursive: true });
  for (const source of sources) {
    report(`nats-server: trying ${source.name}`);
    const startedMs = performance.now();
    const dir = await mkdtemp(join(cacheDir, 'fetch-'));
    try {
      const fetched = await source.fetch(dir);
      const why = 'why' in fetched ? fetched.why : null;
      const version = 'path' in fetched ? await accept(fetched.path, report) : null;
      if ('path' in fetched && version !== null) {
        const name = `${formatNatsVersion(version)}-${platform()}-${arch()}`;
        const path = await keepProgram(fetched.path, join(cacheDir, 'nats-server', name), 'nats-server');
        report(
          `nats-server: ${formatNatsVersion(version)} from ${source.name}, ${seconds(startedMs)}, kept in ${path}`,
        );
        return { path, version: formatNatsVersion(version) };
      }
      answers.push(`${source.name}: ${why ?? 'what came is not usable'}`);
      report(`nats-server: not from there (${why ?? 'what came is not usable'}), ${seconds(startedMs)}`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
  throw new EngineError(
    'NATS_NOT_FOUND',
    `no nats-server could be had; install 2.12 or later and put it on the path, or configure its path. Tried:\n  ${answers.join('\n  ')}`,
  );
}

async function accept(path: string, report: (line: string) => void): Promise<NatsVersion | null> {
  const version = await readNatsVersion(path);
  if (version === null) {
    report(`nats-server: ${path} does not run here, not used`);
    return null;
  }
  if (isRecentEnough(version)) return version;
  report(
    `nats-server: ${path} is ${formatNatsVersion(version)}, older than ${formatNatsVersion(LOWEST_NATS)}, not used`,
  );
  return null;
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}
