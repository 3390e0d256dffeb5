import { mkdir, realpath } from 'node:fs/promises';
import pg from 'pg';
import { EngineError } from '../errors.ts';
import { toolEnvironment } from '../config.ts';
import { expectPortFree, findFreePort } from '../process/ports.ts';
import { claimDirectory, forgetRecord, stopRecorded, writeRecord } from '../process/running-record.ts';
import type { ProcessHandle } from '../process/supervise.ts';
import { superviseProcess } from '../process/supervise.ts';
import { waitUntil } from '../process/wait.ts';
import { findPostgresBinaries } from './binaries.ts';
import {
  findProcessesIn,
  openDataDirectory,
  removeDataDirectory,
  removeStaleLock,
} from './data-directory.ts';
import { findPostgresOwner } from './owner.ts';
import { toPostgresArgs, toPostgresUrl } from './settings.ts';

/** SIGINT is PostgreSQL's "fast": it ends the sessions and closes the files. SIGTERM would wait for every client. */
const STOP = { stopSignal: 'SIGINT', stopWithinMs: 15_000 } as const;
const READY_WITHIN_MS = 60_000;
/** After SIGKILL of the server its children need a moment to see it; until then the data is theirs. */
const CHILDREN_GONE_WITHIN_MS = 10_000;
const PORT_ATTEMPTS = 5;

export type StartPostgresOptions = {
  /** The data and what belongs to it; made when needed. One server at a time. */
  readonly dir: string;
  /** Exactly this port. Left out or 0: any. */
  readonly port?: number;
  /** This port if it is free, else another. Ignored beside `port`. */
  readonly preferredPort?: number;
  /** The superuser; taken when the database is made, must be the same later. */
  readonly user: string;
  readonly password: string;
  /** True: the server outlives this process. */
  readonly detached?: boolean;
  readonly logFile: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly schedule?: 'batch';
};

/** A running PostgreSQL. `pid` is undefined for one that is not ours; then `stop` and `kill` do nothing. */
export type PostgresHandle = {
  /** Database `postgres`, as the superuser. */
  readonly url: string;
  readonly port: number;
  readonly pid: number | undefined;
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/**
 * Starts the PostgreSQL 18 that npm brought, on 127.0.0.1, and returns once it answers a query. The first time it makes
 * the database (some seconds); after `kill()` or a crash the same directory (and port) may be started again.
 *
 * @throws EngineError `ALREADY_RUNNING` if a live server holds `dir`
 * @throws EngineError `PORT_BUSY` if `port` was asked for and is taken
 * @throws EngineError `POSTGRES_UNAVAILABLE` see `findPostgresBinaries` and `findPostgresOwner`
 * @throws EngineError `START_FAILED`, `START_TIMEOUT` with the end of its log
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresHandle> {
  const { port: exactPort = 0, preferredPort = 0, user, password } = options;
  if (user === '' || password === '')
    throw new EngineError('INVALID_OPTION', 'PostgreSQL needs a user and a password');
  await mkdir(options.dir, { recursive: true });
  const dir = await realpath(options.dir);
  await claimDirectory(dir);
  const owner = await findPostgresOwner();
  const binaries = await findPostgresBinaries(owner);
  const dataDir = await openDataDirectory({ dir, owner, binaries, user, password });
  await waitUntil(() => findProcessesIn(dataDir).length === 0, { withinMs: CHILDREN_GONE_WITHIN_MS });
  for (let attempt = 1; ; attempt += 1) {
    const port = exactPort === 0 ? await findFreePort(preferredPort) : exactPort;
    try {
      return await startOnPort(
        { ...options, dir, port },
        { dataDir, binary: binaries.postgres, ids: owner.ids },
      );
    } catch (error) {
      const isRace = error instanceof EngineError && error.code === 'PORT_BUSY' && exactPort === 0;
      if (!isRace || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Stops the server that runs in `dir`, whoever started it. Idempotent. */
export async function stopPostgres(dir: string): Promise<void> {
  await stopRecorded(await realpath(dir).catch(() => dir));
}

/** Stops the server of `dir` and removes its data. Idempotent. */
export async function removePostgres(dir: string): Promise<void> {
  await stopPostgres(dir);
  await removeDataDirectory(dir);
}

/**
 * A PostgreSQL somebody else runs, once it has answered a query.
 *
 * @throws EngineError `POSTGRES_UNAVAILABLE` if it does not answer, with its reason; `INVALID_OPTION` if `url` is none
 */
export async function useExternalPostgres(url: string): Promise<PostgresHandle> {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new EngineError(
      'INVALID_OPTION',
      'no URL of a PostgreSQL; it looks like postgres://user:password@host:5432/database',
    );
  }
  const problem = await query(url);
  if (problem !== null) {
    throw new EngineError(
      'POSTGRES_UNAVAILABLE',
      `the PostgreSQL at ${new URL(url).host} does not answer: ${problem.message}`,
      { cause: problem },
    );
  }
  const nothing = async (): Promise<void> => undefined;
  return { url, port: Number(new URL(url).port || 5432), pid: undefined, stop: nothing, kill: nothing };
}

type Place = {
  readonly dataDir: string;
  readonly binary: string;
  readonly ids: { readonly uid?: number; readonly gid?: number };
};

async function startOnPort(
  options: StartPostgresOptions & { readonly port: number },
  place: Place,
): Promise<PostgresHandle> {
  const { dir, port, user, password, settings, logFile, detached = false, schedule } = options;
  const { dataDir, binary, ids } = place;
  await expectPortFree(port);
  await removeStaleLock(dataDir);
  const server = await superviseProcess({
    name: 'postgres',
    command: binary,
    args: toPostgresArgs({ dataDir, port, settings }),
    cwd: '/',
    env: toolEnvironment({ TZ: 'UTC' }),
    logFile,
    detached,
    schedule,
    ...ids,
    ...STOP,
  });
  writeRecord(dir, server, { detached, ...STOP });
  const url = toPostgresUrl({ user, password, port });
  await waitUntilReady(server, { dir, port, url });
  const end = async (how: () => Promise<void>): Promise<void> => {
    // a server that is gone has no say over what runs in its directory since
    if (!server.isAlive()) return forgetRecord(dir, server.pid);
    await how();
    await waitUntil(() => findProcessesIn(dataDir).length === 0, {
      withinMs: CHILDREN_GONE_WITHIN_MS,
      everyMs: 20,
    });
    forgetRecord(dir, server.pid);
  };
  return { url, port, pid: server.pid, stop: () => end(server.stop), kill: () => end(server.kill) };
}

type Readiness = { readonly dir: string; readonly port: number; readonly url: string };

async function waitUntilReady(server: ProcessHandle, { dir, port, url }: Readiness): Promise<void> {
  let problem: Error | null = null;
  const isDecided = await waitUntil(
    async () => {
      if (!server.isAlive()) return true;
      problem = await query(url);
      return problem === null || isRefusal(problem);
    },
    { withinMs: READY_WITHIN_MS, everyMs: 25 },
  );
  if (isDecided && server.isAlive() && problem === null) return;
  const hasEnded = !server.isAlive();
  const tail = server.readLogTail();
  await server.stop();
  forgetRecord(dir, server.pid);
  if (/could not bind|Address already in use/.test(tail))
    throw new EngineError('PORT_BUSY', `port ${port} on 127.0.0.1 is taken`);
  const what = hasEnded
    ? 'ended'
    : isDecided
      ? 'does not let us in; is this the password it was made with?'
      : 'is not ready';
  throw new EngineError(
    isDecided ? 'START_FAILED' : 'START_TIMEOUT',
    `PostgreSQL ${what}; the end of ${server.logFile}:\n${tail}`,
    { cause: problem },
  );
}

/** Class 28 of SQLSTATE: it runs, and does not want us. */
function isRefusal(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && error.code.startsWith('28');
}

async function query(url: string): Promise<Error | null> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client.end().catch(() => undefined);
  }
}
