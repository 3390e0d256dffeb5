import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');

export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

/** A service as it runs in production: compiled by tsc, a process of its own. */
export type ServiceProcess = {
  readonly pid: number;
  /** Of its HTTP doors. */
  readonly url: string;
  /** What it has logged so far. */
  readonly lines: readonly LogLine[];
  /** Body of `/readyz`. */
  readyz(): Promise<{
    readonly ready: boolean;
    readonly checks: Readonly<Record<string, string>>;
    readonly state: Readonly<Record<string, string>>;
  }>;
  /** Value of a metric, summed over its labels; undefined when there is none of that name. */
  metric(name: string): Promise<number | undefined>;
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
};

const entryOf = (service: string, file: string): string => join(ROOT, 'services', service, 'dist', file);
const envOf = (env: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({ ...process.env, ...env });

/** The service and all it is made of are compiled; milliseconds when they are already. */
export function buildService(service: string): void {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-b', join(ROOT, 'services', service)], {
    cwd: ROOT,
    stdio: 'inherit',
  });
}

/** Its tables stand. */
export function migrateService(service: string, env: Readonly<Record<string, string>>): void {
  execFileSync(process.execPath, [entryOf(service, 'migrate.js')], {
    env: envOf(env),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/**
 * Resolves when its doors are open; whether it leads is at `/readyz`. The log level must be `info` or lower: "ready" is read from its log.
 * @throws Error with its last words when it ends before that
 */
export async function startService(
  service: string,
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, ['--enable-source-maps', entryOf(service, 'main.js')], {
    env: envOf(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = `${words}${chunk.toString()}`.slice(-4_000);
  });
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine; // pino writes one object a line
      lines.push(line);
      if (process.env['LOGLINE_TEST_LOG'] !== undefined) console.log(service, text);
      if (line.msg === 'ready') resolve(String(line['url']));
    });
    void exited.then(() =>
      reject(new Error(`${service} has ended: ${JSON.stringify(lines.slice(-3))} ${words}`)),
    );
  });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await exited;
    return child.exitCode;
  };
  return {
    pid: child.pid ?? 0,
    url,
    lines,
    readyz: async () =>
      (await (await fetch(`${url}/readyz`)).json()) as Awaited<ReturnType<ServiceProcess['readyz']>>, // our own door
    metric: async (name) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const values = text
        .split('\n')
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
      return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
    },
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  };
}
