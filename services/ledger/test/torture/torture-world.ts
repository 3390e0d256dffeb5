import type { NatsConnection } from '@nats-io/nats-core';
import { callApi, streamConfigs } from '@logline/jetstream';
import { type PostgresHandle, startPostgres } from '@logline/engines';
import { provision, ROLES } from '@logline/postgres';
import { passwordOf, startWorld, TEST_ORIGIN, type World } from '@logline/testing';
import { STREAMS } from '@logline/contracts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrateLedger } from '../ledger-process.ts';
import { Line } from './line.ts';
import { TortureWitness } from './torture-witness.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

export type TortureWorld = {
  readonly world: World;
  readonly line: Line;
  readonly disk: SmallDisk;
  /** Whoever cosigns what its ledgers commit, before they may give a receipt (`fail_closed`); undefined where receipts wait for nobody. */
  readonly witness: TortureWitness | undefined;
  /** What a ledger runs, and is told; chores are told the same. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  /** May do everything at NATS. */
  readonly nc: NatsConnection;
  readonly postgres: Engine;
  readonly nats: Engine;
  /** One statement as the superuser, in the ledger's schema; on a connection of its own, for the server may have died since the last one. */
  ask<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Log files of the engines: where, and what to call a copy. */
  readonly logs: readonly (readonly [path: string, name: string])[];
  /** Whether FACTS takes more. */
  refuseFacts(isFull: boolean): Promise<void>;
  close(): Promise<void>;
};
/** Of the two, hits are aimed at the leader of the first; the other is a neighbour to whom tenants are moved. */
export const PARTITIONS = 2;
export type Engine = { start(): Promise<void>; end(how: 'kill' | 'restart'): Promise<void> };

/** How long a ledger waits for the witness's answer. */
const WITNESS_TIMEOUT_MS = 300;

/**
 * PostgreSQL on a disk of its own, nats-server, and the wire between the ledgers and PostgreSQL: for many runs.
 * @param main - see `bundleLedger`
 */
export async function openTortureWorld(
  main: string,
  { isWitnessed }: { readonly isWitnessed: boolean },
): Promise<TortureWorld> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    const dir = mkdtempSync(join(tmpdir(), 'logline-torture-'));
    execFileSync('chmod', ['755', dir]);
    closers.push(() => rmSync(dir, { recursive: true, force: true }));
    const disk = mountSmallDisk(join(dir, 'disk'));
    closers.push(() => disk.remove());
    const world = await startWorld({ name: 'torture', postgres: false, partitions: PARTITIONS });
    closers.push(() => world.close());
    const { server, postgres } = await openPostgres(disk, dir);
    closers.push(() => server().stop());
    const database = 'torture';
    const urls = await provision(server().url, {
      database,
      roles: ROLES.map((role) => ({ ...role, password: passwordOf(role.role) })),
    });
    const adminUrl = new URL(server().url);
    adminUrl.pathname = `/${database}`;
    const line = await Line.open(urls['ledger'] ?? '');
    closers.push(() => line.close());
    const witness = isWitnessed ? await TortureWitness.open() : undefined;
    closers.push(() => witness?.close());
    const env = {
      ...(witness === undefined
        ? {}
        : {
            LOGLINE_LEDGER_WITNESS_POLICY_FILE: world.writeFile('witness-policy', witness.policy),
            LOGLINE_LEDGER_WITNESS_MODE: 'fail_closed',
            LOGLINE_LEDGER_WITNESS_TIMEOUT_MS: String(WITNESS_TIMEOUT_MS),
          }),
      ...world.env('LOGLINE_LEDGER', 'ledger', { key: 'log', more: { ORIGIN: TEST_ORIGIN } }),
      LOGLINE_LEDGER_POSTGRES_URL_FILE: world.writeFile('line.url', line.url),
      LOGLINE_LEDGER_LOG_LEVEL: 'info',
      LOGLINE_LEDGER_PARTITIONS: String(PARTITIONS),
      NODE_COMPILE_CACHE: join(dir, 'compiled'),
    };
    // not by the line: it is this process, which waits
    migrateLedger({
      ...env,
      LOGLINE_LEDGER_POSTGRES_URL_FILE: world.writeFile('direct.url', urls['ledger'] ?? ''),
      LOGLINE_MIGRATE_POSTGRES_URL_FILE: world.writeFile('owner.url', urls['ledger_owner'] ?? ''),
    });
    const nc = await world.connect('test');
    return {
      world,
      line,
      disk,
      witness,
      main,
      env,
      nc,
      postgres,
      nats: {
        start: () => world.nats.start(),
        end: (how) => (how === 'kill' ? world.nats.kill() : world.nats.stop()),
      },
      ask: (text, values = []) => askAt(adminUrl.href, text, values),
      logs: [
        [join(dir, 'postgres.log'), 'postgres.log'],
        [join(world.dir, 'nats.log'), 'nats.log'],
      ],
      refuseFacts: (isFull) => refuseFacts(nc, isFull),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openPostgres(
  { dir }: SmallDisk,
  logDir: string,
): Promise<{ server: () => PostgresHandle; postgres: Engine }> {
  const start = (port?: number) =>
    startPostgres({
      dir,
      user: 'postgres',
      password: 'test',
      logFile: join(logDir, 'postgres.log'),
      // little to write ahead, so that a full disk is full soon and 1,000 runs fit
      settings: { max_connections: '60', max_wal_size: '64MB', min_wal_size: '32MB', wal_recycle: 'off' },
      ...(port === undefined ? {} : { port }),
    });
  let server = await start();
  let starting: Promise<void> = Promise.resolve();
  const { port } = server;
  return {
    server: () => server,
    postgres: {
      end: (how) => (how === 'kill' ? server.kill() : server.stop()),
      // one after the other: two faults may want it back
      start: () => {
        starting = starting
          .catch(() => undefined)
          .then(async () => {
            await server.kill(); // one that lives is not started twice, one that panicked is swept up
            server = await start(port);
          });
        return starting;
      },
    },
  };
}

async function askAt<Row extends object>(
  url: string,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    options: '-c search_path=ledger -c lock_timeout=200ms',
    types: {
      getTypeParser: (oid, format) =>
        oid === 20 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function refuseFacts(nc: NatsConnection, isFull: boolean): Promise<void> {
  const config = streamConfigs(1).find(({ name }) => name === STREAMS.facts);
  const { state } = await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined);
  const messages =
    typeof state === 'object' && state !== null && 'messages' in state ? Number(state.messages) : 0;
  await callApi(nc, `STREAM.UPDATE.${STREAMS.facts}`, {
    ...config,
    max_msgs: isFull ? Math.max(1, messages) : -1,
  });
}
