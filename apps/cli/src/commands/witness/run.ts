import { type Command, InvalidArgumentError, Option } from 'commander';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { FolderLock } from '../../witness/folder-lock.ts';
import { Witness } from '../../witness/witness.ts';
import {
  readLogs,
  readWitness,
  vkeyOf,
  type WitnessFolder,
  witnessFolder,
} from '../../witness/witness-folder.ts';
import { WitnessMetrics } from '../../witness/witness-metrics.ts';
import { type Answered, drain, listen, witnessServer } from '../../witness/witness-server.ts';
import { WitnessStore } from '../../witness/witness-store.ts';

type Address = { readonly host: string; readonly port: number };
type Options = {
  readonly dir: string;
  readonly listen: Address;
  readonly prefix: string;
  readonly metrics?: Address;
};

export function addRun(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'run',
    summary: 'answer add-checkpoint requests until it is asked to end',
    about:
      'Speaks C2SP tlog-witness over HTTP; put TLS in front of it where strangers are on the way. What is cosigned is on disk before it is answered.\n' +
      'SIGHUP reads the policy again; SIGTERM finishes what has arrived and ends.',
    examples: [
      'logline witness run --dir ./witness --listen 127.0.0.1:8460',
      'logline witness run --listen 0.0.0.0:8460 --prefix /witness --metrics 127.0.0.1:9460 --json',
    ],
    options: [
      new Option('--dir <folder>', 'where logline witness init has made it').default('witness'),
      new Option('--listen <host:port>', 'where to listen')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 8460 }, '127.0.0.1:8460'),
      new Option('--prefix <path>', 'path before /add-checkpoint').argParser(parsePrefix).default('', 'none'),
      new Option('--metrics <host:port>', 'serve /metrics there').argParser(parseAddress),
    ],
    run: (context, options) => serve(context, options),
  });
}

async function serve(context: Context, options: Options): Promise<void> {
  const { io, out } = context;
  const folder = witnessFolder(resolve(io.cwd, options.dir));
  const key = await readWitness(folder);
  const logs = await readLogs(folder);
  const lock = await FolderLock.take(folder.statePath);
  try {
    const store = new WitnessStore(folder.statePath, key, lock);
    await store.removeLeftovers();
    const witness = new Witness(key, store, logs, io.nowMs);
    const metrics = new WitnessMetrics();
    const server = witnessServer({
      witness,
      store,
      prefix: options.prefix,
      answered: (what) => {
        metrics.answered(what);
        tell(context, what);
      },
    });
    const stopped = new Promise<void>((stop) => {
      io.onSignals?.(stop, () => void reload(context, folder, witness));
      context.deadline.addEventListener('abort', () => stop(), { once: true });
      if (context.deadline.aborted) stop();
    });
    const url = await listenAt(server, options.listen);
    const scraped =
      options.metrics === undefined
        ? undefined
        : createServer((_, response) =>
            response.setHeader('Content-Type', 'text/plain').end(metrics.format()),
          );
    const metricsUrl =
      scraped === undefined ? undefined : await listenAt(scraped, options.metrics ?? NOWHERE);
    out.item(
      {
        event: 'ready',
        url: `${url}${options.prefix}`,
        metrics: metricsUrl,
        vkey: vkeyOf(key),
        logs: logs.size,
      },
      `${vkeyOf(key)}\nwatching ${logs.size} logs at ${url}${options.prefix}`,
    );
    await stopped;
    await Promise.all([drain(server), ...(scraped === undefined ? [] : [drain(scraped)])]);
    out.item({ event: 'stopped' }, 'stopped');
  } finally {
    await lock.release();
  }
}
const NOWHERE: Address = { host: '127.0.0.1', port: 0 };

/** A policy that cannot be read changes nothing. */
async function reload({ out }: Context, folder: WitnessFolder, witness: Witness): Promise<void> {
  try {
    const logs = await readLogs(folder);
    witness.watch(logs);
    out.item({ event: 'reloaded', logs: logs.size }, `watching ${logs.size} logs`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    out.item({ event: 'reload_failed', why }, `the policy was not read again: ${why}`);
  }
}

/** One line for each request that was about a log; what strangers send is counted and not told. */
function tell({ out }: Context, { route, status, ms, origin, answer, error }: Answered): void {
  if (error !== undefined) {
    const why = error instanceof Error ? error.message : String(error);
    out.item({ event: 'failed', route, status, why }, `${status} ${route}: ${why}`);
    return;
  }
  if (origin === undefined || answer === undefined) return;
  const size = answer.status === 200 ? Number(answer.checkpoint.size) : undefined;
  const why = 'why' in answer ? answer.why : undefined;
  const isFork = 'isFork' in answer;
  out.item(
    { event: isFork ? 'fork' : 'add-checkpoint', origin, status, size, why, ms: Math.round(ms * 10) / 10 },
    `${status} ${origin} ${size ?? ''}${isFork ? 'FORK: ' : ''}${why ?? ''}`,
  );
}

async function listenAt(server: Parameters<typeof listen>[0], { host, port }: Address): Promise<string> {
  try {
    return await listen(server, host, port);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('CONFLICT', `nothing can listen at ${host}:${port}: ${why}`, { cause });
  }
}

function parseAddress(text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new InvalidArgumentError('use host:port');
  return { host, port: Number(port) };
}

function parsePrefix(text: string): string {
  if (!/^(\/[A-Za-z0-9._~-]+)*$/.test(text))
    throw new InvalidArgumentError('use a path like /witness, without a slash at its end');
  return text;
}
