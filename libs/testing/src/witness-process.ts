import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const LOGLINE = ['--conditions=@logline/source', join(ROOT, 'apps', 'cli', 'src', 'main.ts')];

/** A witness that is not running: its folder, and the key to pin. */
export type TestWitness = { readonly dir: string; readonly vkey: string };

export type WitnessLine = { readonly event: string; readonly [field: string]: unknown };

/** `logline witness run`, a process of its own. */
export type WitnessProcess = {
  readonly pid: number;
  /** Submission and monitoring prefix. */
  readonly url: string;
  readonly metricsUrl: string;
  /** What it has printed so far. */
  readonly lines: readonly WitnessLine[];
  /** It has read its policy again. */
  reload(): Promise<void>;
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
};

/** A new key, and a policy that watches `logs` (vkeys). */
export function newWitness(dir: string, name: string, logs: readonly string[]): TestWitness {
  const out = execFileSync(process.execPath, [
    ...LOGLINE,
    'witness',
    'init',
    '--name',
    name,
    '--dir',
    dir,
    '--json',
  ]);
  const { vkey } = JSON.parse(out.toString()) as { vkey: string }; // the command's own document
  watchLogs({ dir, vkey }, logs);
  return { dir, vkey };
}

function watchLogs({ dir }: TestWitness, logs: readonly string[]): void {
  writeFileSync(join(dir, 'policy'), [...logs.map((vkey) => `log ${vkey}`), 'quorum none', ''].join('\n'));
}

/**
 * Resolves when it listens. `port` 0 finds a free one.
 * @throws Error with its last words when it ends before that
 */
export async function startWitness(
  { dir }: Pick<TestWitness, 'dir'>,
  { port = 0, prefix = '' }: { readonly port?: number; readonly prefix?: string } = {},
): Promise<WitnessProcess> {
  const args = ['witness', 'run', '--dir', dir, '--listen', `127.0.0.1:${port}`, '--metrics', '127.0.0.1:0'];
  const child = spawn(
    process.execPath,
    [...LOGLINE, ...args, '--json', ...(prefix === '' ? [] : ['--prefix', prefix])],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const exited = once(child, 'exit');
  const lines: WitnessLine[] = [];
  let problem = '';
  child.stderr.on('data', (chunk: Buffer) => void (problem += chunk.toString()));
  const waiting = new Map<string, () => void>();
  const ready = await new Promise<WitnessLine>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as WitnessLine; // one document a line
      lines.push(line);
      waiting.get(line.event)?.();
      if (line.event === 'ready') resolve(line);
    });
    void exited.then(() => reject(new Error(`the witness did not start: ${problem}`)));
  });
  return {
    pid: child.pid ?? 0,
    url: String(ready['url']),
    metricsUrl: `${String(ready['metrics'])}/metrics`,
    lines,
    reload: () =>
      new Promise((resolve) => {
        waiting.set('reloaded', resolve);
        child.kill('SIGHUP');
      }),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
