import { EngineError, startPostgres, type PostgresHandle } from '@logline/engines';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { quietPort, withPortBack } from './ports.ts';

/** Every database a test makes is named so, and dropped by the next test that takes the slot if nobody did. */
export const TEST_DATABASE_PREFIX = 'logline_test_';

const MOST_SLOTS = 32;
const SUPERUSER = { user: 'postgres', password: 'test' } as const;

export type PostgresSlot = {
  /** As the superuser. */
  readonly adminUrl: string;
  /** The running server; replaced by `restart`. */
  server(): PostgresHandle;
  start(): Promise<void>;
  release(): Promise<void>;
};

/**
 * A PostgreSQL that is this test's alone. Making a database directory takes seconds and starting one takes a tenth, so the directories are
 * kept between runs: each process takes the first that nobody uses.
 */
export async function takePostgresSlot(): Promise<PostgresSlot> {
  const base = join('/tmp', `logline-test-${userInfo().uid}`);
  mkdirSync(base, { recursive: true, mode: 0o755 });
  for (let slot = 0; slot < MOST_SLOTS; slot++) {
    const lockFile = join(base, `postgres-${slot}.lock`);
    if (!lock(lockFile)) continue;
    const dir = join(base, `postgres-${slot}`);
    try {
      return await openSlot(dir, () => rmSync(lockFile, { force: true }));
    } catch (error) {
      rmSync(lockFile, { force: true });
      if (!(error instanceof EngineError) || error.code !== 'ALREADY_RUNNING') throw error;
    }
  }
  throw new Error(
    `all ${MOST_SLOTS} test databases in ${base} are in use; remove what other runs have left there`,
  );
}

async function openSlot(dir: string, unlock: () => void): Promise<PostgresSlot> {
  const start = (where: {
    readonly port?: number;
    readonly preferredPort?: number;
  }): Promise<PostgresHandle> =>
    startPostgres({
      dir,
      ...SUPERUSER,
      ...where,
      logFile: `${dir}.log`,
      settings: { max_connections: '100' },
    });
  let server = await start({ preferredPort: quietPort() });
  const { url, port } = server;
  await dropLeftovers(url);
  return {
    adminUrl: url,
    server: () => server,
    start: async () => {
      server = await withPortBack(() => start({ port }));
    },
    release: async () => {
      await server.stop();
      unlock();
    },
  };
}

async function dropLeftovers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [TEST_DATABASE_PREFIX],
    );
    for (const { datname } of rows)
      await client.query(`DROP DATABASE ${pg.escapeIdentifier(datname)} WITH (FORCE)`);
  } finally {
    await client.end();
  }
}

/** Whether the lock is ours now. One left by a process that has died counts as free. */
function lock(file: string): boolean {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return true;
    } catch {
      if (isAlive(readPid(file))) return false;
      rmSync(file, { force: true });
    }
  }
  return false;
}

function readPid(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
