import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const run = promisify(execFile);

export type Env = Readonly<Record<string, string>>;
export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

/** A service as it runs in production: compiled by tsc, a process of its own. */
export type ServiceProcess = {
  readonly pid: number;
  readonly url: string;
  readonly lines: readonly LogLine[];
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
};

/** Compiles the services with what they rest on; nothing when they are up to date. */
export async function build(...services: readonly string[]): Promise<void> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-b', ...services.map((name) => join(ROOT, 'services', name))], {
    cwd: ROOT,
  });
}

export async function migrate(service: string, env: Env): Promise<void> {
  await run(process.execPath, [join(ROOT, 'services', service, 'dist/migrate.js')], {
    env: { ...process.env, ...env },
  });
}

/** Resolves when its doors are open. The environment must let it log at `info`. */
export async function start(service: string, env: Env): Promise<ServiceProcess> {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', join(ROOT, 'services', service, 'dist/main.js')],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines: LogLine[] = [];
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine; // pino writes one object a line
      lines.push(line);
      if (process.env['LOGLINE_TEST_LOG'] !== undefined) console.log(text);
      if (line.msg === 'ready') resolve(String(line['url']));
    });
    void exited.then(() => reject(new Error(`${service} did not start: ${JSON.stringify(lines.slice(-3))}`)));
  });
  return {
    pid: child.pid ?? 0,
    url,
    lines,
    stop: () => endWith(child, 'SIGTERM', exited),
    kill: async () => void (await endWith(child, 'SIGKILL', exited)),
  };
}

async function endWith(
  child: ChildProcess,
  signal: NodeJS.Signals,
  exited: Promise<unknown>,
): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  await exited;
  return child.exitCode;
}
