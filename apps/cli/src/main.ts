import { readFileSync } from 'node:fs';
import { processIo } from './io.ts';
import { run } from './run.ts';

/** Started by bin/logline.js. Ctrl-C asks the command to end; a second one, or a second of waiting, ends the process. */
async function main(): Promise<void> {
  const interrupted = new AbortController();
  process.on('SIGINT', () => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(new DOMException('interrupted', 'AbortError'));
    setTimeout(() => process.exit(130), 1000).unref();
  });
  // one listener for good: a signal that arrives while listeners change would be lost
  let end: () => void = () => process.exit(143);
  process.on('SIGTERM', () => end());
  const io = processIo(interrupted.signal, (stop, reload) => {
    end = stop;
    process.on('SIGHUP', reload);
  });
  // a reader that went away (| head) is no failure of ours
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
  const exitCode = await run(process.argv.slice(2), io, version());
  process.exitCode = interrupted.signal.aborted ? 130 : exitCode;
  // sockets kept alive for a next request would hold the process
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
  process.stdout.write('', () => process.exit());
}

function version(): string {
  const pack: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof pack === 'object' && pack !== null && 'version' in pack ? String(pack.version) : '0';
}

await main();
