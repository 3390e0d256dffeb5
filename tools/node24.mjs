// Plain Node ≥ 20, no dependencies: what must run before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node 24 that npm brought in; everything past the first step runs on it. */
export function node24() {
  const path = join(root, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(path)) return path;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new Error('Node 24 is missing: run npm install (it is a dev dependency)');
}

/**
 * Installs what package-lock.json pins, when that was not done yet for this very lock file. `npm install`, not `npm ci`: some registries lack
 * the optional binaries of other platforms, which a lock file then cannot name and `npm ci` will not do without.
 */
export function ensureInstalled(options = {}) {
  const lockFile = join(root, 'package-lock.json');
  const lock = () => digest(readFileSync(lockFile, 'utf8'));
  const stamp = join(root, 'node_modules', '.logline-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock()) return false;
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], options);
  // npm may have completed the lock file for this platform
  writeFileSync(stamp, lock());
  return true;
}

/** Compiles all packages; what is up to date is left alone. */
export function build(options = {}) {
  run(node24(), [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], options);
  run(node24(), [join(root, 'apps', 'cli', 'build.mjs')], options);
}

export function run(command, args, options = {}) {
  const { status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (status !== 0) {
    process.exitCode = status ?? 1;
    throw new Error(`${command} ${args.join(' ')} ended with ${signal ?? `exit code ${status}`}`);
  }
}

/** Runs in the foreground, forwards signals, and ends with the child's exit code. */
export function become(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}

function digest(text) {
  // FNV-1a is enough to notice a change; nothing rests on it
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return `${hash.toString(16)}-${text.length}`;
}
