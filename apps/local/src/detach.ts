import { fork } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Layout } from './layout.ts';
import type { Options } from './options.ts';
import type { Reporter } from './report.ts';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/** Starts the same thing as a process of its own, and returns when that one is ready. What it prints goes to a log. */
export async function detach(layout: Layout, options: Options, reporter: Reporter): Promise<number> {
  await mkdir(layout.dev, { recursive: true, mode: 0o711 });
  await mkdir(layout.logs, { recursive: true, mode: 0o700 });
  const logFile = join(layout.logs, 'start.log');
  const log = await open(logFile, 'w', 0o600);
  const args = [
    ...(options.json ? ['--json'] : []),
    ...(options.install ? [] : ['--no-install']),
    ...(options.job ? [] : ['--no-job']),
  ];
  const child = fork(MAIN, args, { detached: true, stdio: ['ignore', log.fd, log.fd, 'ipc'] });
  const outcome = await new Promise<'ready' | number>((resolve) => {
    child.once('message', () => resolve('ready'));
    child.once('exit', (code) => resolve(code ?? 1));
  });
  await log.close();
  const text = (await readFile(logFile, 'utf8')).trimEnd();
  if (options.json)
    process.stdout.write(`${text.split('\n').findLast((line) => line.startsWith('{')) ?? ''}\n`);
  else reporter.plain(text);
  if (outcome !== 'ready') return outcome === 0 ? 1 : outcome;
  child.disconnect();
  child.unref();
  reporter.line(`it runs in the background (process ${child.pid ?? 0}); npm run stop ends it`);
  return 0;
}
