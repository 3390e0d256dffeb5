import { runnerUser } from '@logline/contracts';
import { connectNats, keepStreams, provisionRunner, type Log } from '@logline/jetstream';
import { openPool, provision, ROLES, type Pool } from '@logline/postgres';
import type { NatsConnection } from '@nats-io/nats-core';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testKey } from './keys.ts';
import { passwordOf, startTestNats, type TestNats, type TestRunner } from './nats-server.ts';
import { takePostgresSlot, TEST_DATABASE_PREFIX, type PostgresSlot } from './postgres-slot.ts';

export type WorldOptions = {
  /** Shown in connections and directory names. */
  readonly name: string;
  /** A database of its own with all roles and schemas; no tables: those are the service's migrations. Default true. */
  readonly postgres?: boolean;
  /** Whether memory streams are made again after a restart of the server, as beside a real one. Default true. */
  readonly keepsStreams?: boolean;
  /** Of the ledger; 1. */
  readonly partitions?: number;
  /** After which facts leave their stream; as in production when left out. */
  readonly factsMaxAgeMs?: number;
  /** Runners with a NATS user and a consumer. */
  readonly runners?: readonly TestRunner[];
};

/** Real engines for one test file: a nats-server with all users, streams and consumers, and a PostgreSQL with all roles. */
export type World = {
  /** A directory for what the test writes; removed at the end. */
  readonly dir: string;
  readonly nats: TestNats & {
    /** Stops, starts, and waits until the streams are back. */ restart(): Promise<void>;
  };
  /** A connection of a NATS user (`gateway`, …, or `test`, which may do everything); closed at the end. */
  connect(user: string): Promise<NatsConnection>;
  connectRunner(tenant: string, runner: string): Promise<NatsConnection>;
  /** URL of a role: `ledger`, `ledger_owner`, `orchestrator`, `views`, `gateway`. */
  postgresUrl(role: string): string;
  /** A pool of a role; closed at the end. */
  pool(role: string): Pool;
  readonly postgres: {
    stop(): Promise<void>;
    kill(): Promise<void>;
    start(): Promise<void>;
    readonly adminUrl: string;
  };
  /** Path of a file with mode 0600. */
  writeFile(name: string, text: string): string;
  /** Path of the key file of a test key. */
  keyFile(key: string): string;
  /**
   * A service's environment: NATS, HTTP on any free port, quiet log; PostgreSQL and key where a role or a key is given. `more` is without the prefix.
   */
  env(
    prefix: string,
    user: string,
    parts?: {
      readonly role?: string;
      readonly key?: string;
      readonly more?: Readonly<Record<string, string>>;
    },
  ): Readonly<Record<string, string>>;
  close(): Promise<void>;
};

export async function startWorld({
  name,
  postgres = true,
  keepsStreams = true,
  partitions = 1,
  factsMaxAgeMs,
  runners = [],
}: WorldOptions): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), `logline-${name}-`));
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse())
      await one().catch((error: unknown) => console.error('closing the world:', error));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const nats = await startTestNats(dir, runners);
    closers.push(() => nats.stop());
    const connectAs = connector(nats.url, name, closers);
    const migrator = await connectAs('migrator');
    const streams = keepStreams(migrator, consoleLog, {
      partitions,
      ...(factsMaxAgeMs === undefined ? {} : { factsMaxAgeMs }),
    });
    closers.push(async () => streams.stop());
    await streams.ready;
    if (!keepsStreams) streams.stop();
    for (const { tenant, runner } of runners) await provisionRunner(migrator, tenant, runner);
    const database = postgres ? await openDatabase(closers) : undefined;
    const { postgresUrl, pool } = database === undefined ? noDatabase : pools(database.urls, name, closers);

    const writeSecret = (file: string, text: string): string => {
      const path = join(dir, file);
      writeFileSync(path, text, { mode: 0o600 });
      chmodSync(path, 0o600);
      return path;
    };
    const keyFile = (key: string): string => {
      const { kid, seed } = testKey(key);
      return writeSecret(`key-${key}.json`, JSON.stringify({ kid, seed }));
    };
    return {
      dir,
      nats: {
        ...nats,
        restart: async () => {
          await nats.stop();
          await nats.start();
          await untilMigrated(migrator);
        },
      },
      connect: connectAs,
      connectRunner: (tenant, runner) => connectAs(runnerUser(tenant, runner)),
      postgresUrl,
      pool,
      postgres: {
        adminUrl: database?.slot.adminUrl ?? '',
        stop: async () => await database?.slot.server().stop(),
        kill: async () => await database?.slot.server().kill(),
        start: async () => await database?.slot.start(),
      },
      writeFile: writeSecret,
      keyFile,
      env: (prefix, user, { role, key, more = {} } = {}) => ({
        [`${prefix}_NATS_URL`]: nats.url,
        [`${prefix}_NATS_USER`]: user,
        [`${prefix}_NATS_PASSWORD_FILE`]: writeSecret(`nats-${user}.password`, passwordOf(user)),
        [`${prefix}_HTTP_PORT`]: '0',
        [`${prefix}_LOG_LEVEL`]: process.env['LOGLINE_TEST_LOG'] ?? 'silent',
        ...(role === undefined
          ? {}
          : { [`${prefix}_POSTGRES_URL_FILE`]: writeSecret(`postgres-${role}.url`, postgresUrl(role)) }),
        // for its migration; no service reads it
        ...(role === 'ledger'
          ? {
              LOGLINE_MIGRATE_POSTGRES_URL_FILE: writeSecret(
                'postgres-owner.url',
                postgresUrl('ledger_owner'),
              ),
            }
          : {}),
        ...(key === undefined ? {} : { [`${prefix}_KEY_FILE`]: keyFile(key) }),
        ...Object.fromEntries(Object.entries(more).map(([name, value]) => [`${prefix}_${name}`, value])),
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function connector(
  url: string,
  name: string,
  closers: (() => Promise<void>)[],
): (user: string) => Promise<NatsConnection> {
  return async (user) => {
    const nc = await connectNats({ url, user, password: passwordOf(user), name: `${name} ${user}` });
    closers.push(() => nc.close());
    return nc;
  };
}

type Database = { readonly slot: PostgresSlot; readonly urls: Readonly<Record<string, string>> };

async function openDatabase(closers: (() => Promise<void>)[]): Promise<Database> {
  const slot = await takePostgresSlot();
  closers.push(() => slot.release());
  const urls = await provision(slot.adminUrl, {
    database: `${TEST_DATABASE_PREFIX}${randomBytes(6).toString('hex')}`,
    roles: ROLES.map((role) => ({ ...role, password: passwordOf(role.role) })),
  });
  return { slot, urls };
}

const noDatabase = {
  postgresUrl: (): string => fail('this world has no PostgreSQL'),
  pool: (): Pool => fail('this world has no PostgreSQL'),
};

function pools(
  urls: Readonly<Record<string, string>>,
  name: string,
  closers: (() => Promise<void>)[],
): { postgresUrl(role: string): string; pool(role: string): Pool } {
  const postgresUrl = (role: string): string => urls[role] ?? fail(`no role ${role}`);
  return {
    postgresUrl,
    pool: (role) => {
      const pool = openPool(postgresUrl(role), { name });
      closers.push(async () => {
        if (!pool.ended) await pool.end();
      });
      return pool;
    },
  };
}

async function untilMigrated(nc: NatsConnection): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      // the last thing a migration makes
      const { error } = await nc
        .request('$JS.API.CONSUMER.INFO.FACTS.projector', undefined, { timeout: 500 })
        .then((reply) => reply.json<{ error?: object }>());
      const accept = await nc
        .request('$JS.API.CONSUMER.INFO.ACCEPT.ledger-0', undefined, { timeout: 500 })
        .then((reply) => reply.json<{ error?: object }>());
      if (error === undefined && accept.error === undefined) return;
    } catch {
      // not connected yet
    }
    if (attempt > 1_000) fail('the streams did not come back');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const consoleLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => console.error(message, fields),
};

function fail(why: string): never {
  throw new Error(why);
}
