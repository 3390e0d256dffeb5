import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureAppend, type AppendFigures } from './append.ts';

/** What `npm start` and `npm run stop` run, so that looking for what to install and compile is part of the figure. */
const START = fileURLToPath(new URL('../tools/start.mjs', import.meta.url));
const STOP = fileURLToPath(new URL('../tools/stop.mjs', import.meta.url));

type SystemOptions = { readonly isQuick: boolean; readonly say: (line: string) => void };

export type SystemFigures = AppendFigures & { readonly start_first_s: number; readonly start_warm_s: number };

/** Figures of the whole system as `npm start` runs it, in a folder of its own. */
export async function measureSystem({ isQuick, say }: SystemOptions): Promise<SystemFigures> {
  const home = await mkdtemp(join(tmpdir(), 'logline-bench-'));
  await chmod(home, 0o755);
  try {
    say('first start (makes the database and the tenant) …');
    const cold = await timeStart(home);
    say(`first start: ${cold.toFixed(2)} s`);
    await runScript(home, [STOP]);
    const warm: number[] = [];
    for (let i = 0; i < (isQuick ? 1 : 3); i += 1) {
      warm.push(await timeStart(home));
      if (i < (isQuick ? 0 : 2)) await runScript(home, [STOP]);
    }
    const startWarmS = warm.toSorted((a, b) => a - b)[Math.floor(warm.length / 2)] ?? Number.NaN;
    say(`warm start: ${startWarmS.toFixed(2)} s`);
    const load = await measureAppend(home, {
      seconds: isQuick ? 5 : 20,
      warmUpS: isQuick ? { singles: 8, batches: 10 } : { singles: 12, batches: 18 },
      say,
    });
    return { start_first_s: round(cold), start_warm_s: round(startWarmS), ...load };
  } finally {
    await runScript(home, [STOP]);
    await rm(home, { recursive: true, force: true });
  }
}

/** Until everything is ready to take a request, the main job left out. */
async function timeStart(home: string): Promise<number> {
  const start = performance.now();
  await runScript(home, [START, '--detach', '--no-job']);
  return (performance.now() - start) / 1000;
}

async function runScript(home: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [...args], {
    env: { ...process.env, LOGLINE_HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
