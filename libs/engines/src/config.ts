import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What this package takes from the environment; nothing else in it reads `process.env`. */
export type EngineEnvironment = {
  /** Where programs are looked for. `/usr/sbin` and `/sbin` are added: ordinary users lack them, Debian puts nats-server there. */
  readonly searchPath: readonly string[];
  /** `DOCKER_HOST` as it stands; undefined where it is not set. */
  readonly dockerHost: string | undefined;
  /** `XDG_RUNTIME_DIR`: where rootless engines put their sockets. */
  readonly runtimeDir: string | undefined;
  readonly home: string;
  /** A cache directory for this user (`XDG_CACHE_HOME`, else `~/.cache`), below `logline`. */
  readonly cacheDir: string;
};

/** The environment, read once per call. Pure but for the home directory of the user. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): EngineEnvironment {
  const home = env['HOME'] || homedir();
  const path = (env['PATH'] ?? '').split(delimiter).filter((entry) => entry.startsWith('/'));
  return Object.freeze({
    searchPath: [...new Set([...path, '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'])],
    dockerHost: env['DOCKER_HOST'] || undefined,
    runtimeDir: env['XDG_RUNTIME_DIR'] || undefined,
    home,
    cacheDir: join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'logline'),
  });
}

/** What a process gets that is given no environment of its own. */
export function parentEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/**
 * The environment for a tool: the parent's, with a C locale so that messages can be read, no questions asked by apt,
 * and a path that has the directories of system programs too.
 */
export function toolEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const path = readEnvironment().searchPath.join(delimiter);
  return { ...process.env, PATH: path, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...extra };
}
