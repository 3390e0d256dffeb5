import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TEST_ORIGIN, type World } from '@logline/testing';

export const LEDGER_DIR = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = join(LEDGER_DIR, '..', '..');

/** The service as it runs in production: compiled by tsc, a process of its own. */
export type LedgerProcess = {
  readonly pid: number;
  /** Of its health doors. */
  readonly url: string;
  /** Messages of its log so far. */
  readonly lines: readonly LogLine[];
  stop(): Promise<number | null>;
  kill(): Promise<void>;
};
export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

export function buildLedger(): void {
  execFileSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', LEDGER_DIR], {
    cwd: ROOT,
    stdio: 'inherit',
  });
}

export function ledgerEnv(
  world: World,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    ...world.env('LOGLINE_LEDGER', 'ledger', { role: 'ledger', key: 'log', more: { ORIGIN: TEST_ORIGIN } }),
    LOGLINE_LEDGER_LOG_LEVEL: 'info',
    ...more,
  };
}

export function migrateLedger(env: Readonly<Record<string, string>>): void {
  execFileSync(process.execPath, [join(LEDGER_DIR, 'dist', 'migrate.js')], {
    env: { ...process.env, ...env },
  });
}

// as apps/local starts it
const NODE_FLAGS = ['--max-semi-space-size=16'];

/** Resolves when its doors are open; whether it leads is in its log, or at /readyz. */
export async function startLedger(env: Readonly<Record<string, string>>): Promise<LedgerProcess> {
  const child = spawn(process.execPath, [...NODE_FLAGS, join(LEDGER_DIR, 'dist', 'main.js')], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: LogLine[] = [];
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine; // pino writes one object a line
      lines.push(line);
      if (line.msg === 'ready') resolve(String(line['url']));
    });
    void exited.then(() => reject(new Error(`the ledger did not start: ${JSON.stringify(lines.slice(-3))}`)));
  });
  return {
    pid: child.pid ?? 0,
    url,
    lines,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    kill: () => killAndWait(child, exited),
  };
}

async function killAndWait(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGKILL');
  await exited;
}
