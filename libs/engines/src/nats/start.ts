import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { parentEnvironment } from '../config.ts';
import { EngineError } from '../errors.ts';
import { expectPortFree, findFreePort } from '../process/ports.ts';
import { claimDirectory, forgetRecord, stopRecorded, writeRecord } from '../process/running-record.ts';
import type { ProcessHandle } from '../process/supervise.ts';
import { superviseProcess } from '../process/supervise.ts';
import { waitUntil } from '../process/wait.ts';
import type { NatsConfigOptions, NatsUser } from './config.ts';
import { toNatsConfig } from './config.ts';

const STOP = { stopSignal: 'SIGTERM', stopWithinMs: 10_000 } as const;
/** A store of some gigabytes is read through before the server takes connections. */
const READY_WITHIN_MS = 60_000;
const PORT_ATTEMPTS = 5;

export type StartNatsOptions = {
  readonly binary: string;
  /** Configuration and store; made when needed. One server at a time; the same directory again has the same streams. */
  readonly dir: string;
  readonly config: { readonly users: readonly NatsUser[] };
  /** Exactly this port. Left out or 0: any. */
  readonly port?: number;
  /** This port if it is free, else another. Ignored beside `port`. */
  readonly preferredPort?: number;
  readonly syncAlways?: boolean;
  readonly monitorPort?: number;
  /** True: the server outlives this process. */
  readonly detached?: boolean;
  readonly logFile: string;
  readonly schedule?: 'batch';
  /** It runs on this many cores at once (Go's `GOMAXPROCS`), unless the environment says so already; on all by default. */
  readonly mostCores?: number;
};

/** A running server. `url` carries no user: clients connect with their own. */
export type NatsHandle = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ProcessHandle;
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/**
 * Starts a nats-server with JetStream on 127.0.0.1 and returns once its first user has really connected. After `kill()`
 * or a crash the same directory (and port) may be started again.
 *
 * @throws EngineError `INVALID_OPTION` for users or permissions that cannot be, see `toNatsConfig`
 * @throws EngineError `ALREADY_RUNNING` if a live server holds `dir`
 * @throws EngineError `PORT_BUSY` if `port` was asked for and is taken
 * @throws EngineError `START_FAILED`, `START_TIMEOUT` with the end of its log
 */
export async function startNats(options: StartNatsOptions): Promise<NatsHandle> {
  const { dir, port: exactPort = 0, preferredPort = 0 } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await claimDirectory(dir);
  for (let attempt = 1; ; attempt += 1) {
    const port = exactPort === 0 ? await findFreePort(preferredPort) : exactPort;
    try {
      return await startOnPort(options, port);
    } catch (error) {
      const isRace = error instanceof EngineError && error.code === 'PORT_BUSY' && exactPort === 0;
      if (!isRace || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Stops the server that runs in `dir`, whoever started it. Idempotent. */
export async function stopNats(dir: string): Promise<void> {
  await stopRecorded(dir);
}

async function startOnPort(options: StartNatsOptions, port: number): Promise<NatsHandle> {
  const { binary, dir, config, logFile, detached = false, schedule, mostCores } = options;
  const configFile = await writeConfig(dir, {
    ...options,
    users: config.users,
    port,
    storeDir: join(dir, 'store'),
  });
  await expectPortFree(port);
  const server = await superviseProcess({
    name: 'nats-server',
    command: binary,
    args: ['-c', configFile],
    cwd: dir,
    logFile,
    detached,
    schedule,
    ...(mostCores === undefined ? {} : { env: { GOMAXPROCS: String(mostCores), ...parentEnvironment() } }),
    ...STOP,
  });
  writeRecord(dir, server, { detached, ...STOP });
  await waitUntilReady(server, { dir, port, user: config.users[0] });
  const end = async (how: () => Promise<void>): Promise<void> => {
    await how();
    forgetRecord(dir, server.pid);
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    pid: server.pid,
    process: server,
    stop: () => end(server.stop),
    kill: () => end(server.kill),
  };
}

async function writeConfig(dir: string, options: NatsConfigOptions): Promise<string> {
  const file = join(dir, 'nats-server.conf');
  await writeFile(file, toNatsConfig(options), { mode: 0o600 });
  // an older file keeps its mode when it is written over
  await chmod(file, 0o600);
  return file;
}

type Readiness = { readonly dir: string; readonly port: number; readonly user: NatsUser | undefined };

async function waitUntilReady(server: ProcessHandle, { dir, port, user }: Readiness): Promise<void> {
  const isReady = await waitUntil(async () => !server.isAlive() || (await canConnect(port, user)), {
    withinMs: READY_WITHIN_MS,
    everyMs: 25,
  });
  if (isReady && server.isAlive()) return;
  const tail = server.readLogTail();
  await server.kill();
  forgetRecord(dir, server.pid);
  if (/address already in use/.test(tail))
    throw new EngineError('PORT_BUSY', `port ${port} on 127.0.0.1 is taken`);
  const [code, what] = isReady
    ? (['START_FAILED', 'ended'] as const)
    : (['START_TIMEOUT', 'is not ready'] as const);
  throw new EngineError(code, `nats-server ${what}; the end of ${server.logFile}:\n${tail}`);
}

async function canConnect(port: number, user: NatsUser | undefined): Promise<boolean> {
  try {
    const connection = await connect({
      servers: `127.0.0.1:${port}`,
      user: user?.user,
      pass: user?.password,
      timeout: 2_000,
      reconnect: false,
      noAsyncTraces: true,
    });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}
