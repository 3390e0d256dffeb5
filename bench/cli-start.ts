import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const LOGLINE = fileURLToPath(new URL('../apps/cli/bin/logline.js', import.meta.url));

/** Medians of whole processes, taken in turns so that both see the same machine. */
export async function measureCliStart(runs: number): Promise<{ commandMs: number; nodeMs: number }> {
  const command: number[] = [];
  const node: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    node.push(timeProcess(['-e', '0']));
    command.push(timeProcess([LOGLINE, '--version']));
  }
  return { commandMs: median(command), nodeMs: median(node) };
}

function timeProcess(args: readonly string[]): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, [...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr.toString()}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
