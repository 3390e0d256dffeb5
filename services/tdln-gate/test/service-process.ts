import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export type Env = Readonly<Record<string, string>>;
export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

/** A service as it runs in production: compiled by tsc, a process of its own. */
export type ServiceProcess = {
  /** Of its health doors. */
  readonly url: string;
  /** What it has logged so far. */
  readonly lines: readonly LogLine[];
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
};

export function buildService(name: string): void {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-b', join(ROOT, 'services', name)], { cwd: ROOT, stdio: 'inherit' });
}

export function runScript(name: string, script: string, env: Env): void {
  execFileSync(process.execPath, [join(ROOT, 'services', name, 'dist', script)], {
    env: { ...process.env, ...env },
  });
}

/** Resolves when it is ready. @throws Error with its exit code and last words when it ends before */
export async function startService(name: string, env: Env): Promise<ServiceProcess> {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', join(ROOT, 'services', name, 'dist', 'main.js')],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const lines: LogLine[] = [];
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine; // pino writes one object a line
      lines.push(line);
      if (line.msg === 'ready') resolve(String(line['url']));
    });
    void exited.then(() =>
      reject(new Error(`exit ${child.exitCode}: ${errors} ${JSON.stringify(lines.slice(-3))}`)),
    );
  });
  return {
    url,
    lines,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
