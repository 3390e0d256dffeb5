import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  findNatsServer,
  isProcessAlive,
  readEnvironment,
  readProcessStart,
  startNats,
  startPostgres,
  type NatsHandle,
  type NatsUser,
  type PostgresHandle,
} from '@logline/engines';
import { NATS_USERS, permissionsOf, runnerPermissions, runnerUser } from '@logline/contracts';
import { connectNats, keepStreams, provisionRunner } from '@logline/jetstream';
import { provision, ROLES } from '@logline/postgres';
import type { Layout } from './layout.ts';
import type { Secrets } from './secrets.ts';

const WATCH_MS = 500;
/** Nine processes share the machine with it: on a small one it looks for no second core to wake. */
const NATS_CORES = Math.max(1, Math.floor(availableParallelism() / 2));
const PREFERRED_NATS_PORT = 4222;
const PREFERRED_POSTGRES_PORT = 5432;

export type Infrastructure = {
  readonly natsUrl: string;
  /** PostgreSQL URL of each role, by its name. */
  readonly postgresUrls: Readonly<Record<string, string>>;
  readonly adminUrl: string;
  pids(): Record<string, number>;
  stop(): Promise<void>;
};

export type InfrastructureOptions = {
  readonly layout: Layout;
  readonly secrets: Secrets;
  readonly runner: { readonly tenant: string; readonly name: string };
  readonly allowInstall: boolean;
  readonly report: (line: string) => void;
  readonly onChange: () => void;
};

/**
 * A real nats-server with a user for every part, its streams, and a real PostgreSQL with a role for every store. Either is started
 * again on its port and directory when it dies.
 */
export async function startInfrastructure(options: InfrastructureOptions): Promise<Infrastructure> {
  const [nats, postgres] = await Promise.all([keepNats(options), keepPostgres(options)]);
  const connection = await connectNats({
    url: nats.current().url,
    user: 'migrator',
    password: await options.secrets.password('migrator'),
    name: 'migrator',
  });
  const quiet = (): void => undefined;
  const log = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (_fields: object, message: string) => options.report(message),
  };
  const streams = keepStreams(connection, log);
  await streams.ready;
  await provisionRunner(connection, options.runner.tenant, options.runner.name);
  const postgresUrls = await provisionRoles(postgres.current().url, options.secrets);
  return {
    natsUrl: nats.current().url,
    adminUrl: postgres.current().url,
    postgresUrls,
    pids: () => ({ 'nats-server': nats.current().pid, ...pidOf('postgres', postgres.current()) }),
    stop: async () => {
      streams.stop();
      await close(connection);
      await Promise.all([nats.stop(), postgres.stop()]);
    },
  };
}

async function keepNats({ layout, secrets, runner, allowInstall, report, onChange }: InfrastructureOptions) {
  const { cacheDir } = readEnvironment();
  const binary = await findNatsServer({
    ...(process.env['LOGLINE_NATS_SERVER'] === undefined
      ? {}
      : { configuredPath: process.env['LOGLINE_NATS_SERVER'] }),
    cacheDir,
    report,
    allowInstall,
  });
  const users: NatsUser[] = await Promise.all([
    ...NATS_USERS.map(async (user) => ({
      user,
      password: await secrets.password(user),
      permissions: permissionsOf(user),
    })),
    (async () => {
      const user = runnerUser(runner.tenant, runner.name);
      return {
        user,
        password: await secrets.password(user),
        permissions: runnerPermissions(runner.tenant, runner.name),
      };
    })(),
  ]);
  const start = (port?: number): Promise<NatsHandle> =>
    startNats({
      binary: binary.path,
      dir: layout.nats,
      config: { users },
      ...(port === undefined ? { preferredPort: PREFERRED_NATS_PORT } : { port }),
      logFile: join(layout.logs, 'nats-server.log'),
      schedule: 'batch',
      mostCores: NATS_CORES,
    });
  return keep('nats-server', start, { report, onChange });
}

async function keepPostgres({ layout, secrets, report, onChange }: InfrastructureOptions) {
  const password = await secrets.password('postgres');
  const start = (port?: number): Promise<PostgresHandle> =>
    startPostgres({
      dir: layout.postgres,
      user: 'postgres',
      password,
      ...(port === undefined ? { preferredPort: PREFERRED_POSTGRES_PORT } : { port }),
      logFile: join(layout.logs, 'postgres.log'),
      schedule: 'batch',
    });
  return keep('postgres', start, { report, onChange });
}

async function provisionRoles(adminUrl: string, secrets: Secrets): Promise<Readonly<Record<string, string>>> {
  const roles = await Promise.all(
    ROLES.map(async (role) => ({ ...role, password: await secrets.password(`postgres-${role.role}`) })),
  );
  return provision(adminUrl, { database: 'logline', roles });
}

type Engine = { readonly pid: number | undefined; readonly port: number; stop(): Promise<void> };
type Kept<E extends Engine> = { current(): E; stop(): Promise<void> };

/** Starts an engine, and starts it again where it was whenever it is found dead. */
async function keep<E extends Engine>(
  name: string,
  start: (port?: number) => Promise<E>,
  { report, onChange }: Pick<InfrastructureOptions, 'report' | 'onChange'>,
): Promise<Kept<E>> {
  let engine = await start();
  let startedAt = engine.pid === undefined ? null : readProcessStart(engine.pid);
  let isStopping = false;
  let reviving: Promise<void> | undefined;
  const revive = async (): Promise<void> => {
    report(`${name} ended; starting it again on port ${engine.port}`);
    try {
      await engine.stop();
      engine = await start(engine.port);
      startedAt = engine.pid === undefined ? null : readProcessStart(engine.pid);
      onChange();
    } catch (error) {
      report(`${name} could not be started again: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const timer = setInterval(() => {
    const isDead = engine.pid !== undefined && !isProcessAlive(engine.pid, startedAt);
    if (!isDead || isStopping) return;
    reviving ??= revive().finally(() => (reviving = undefined));
  }, WATCH_MS);
  return {
    current: () => engine,
    stop: async () => {
      isStopping = true;
      clearInterval(timer);
      await reviving;
      await engine.stop();
    },
  };
}

function pidOf(name: string, { pid }: Engine): Record<string, number> {
  return pid === undefined ? {} : { [name]: pid };
}

async function close(connection: Awaited<ReturnType<typeof connectNats>>): Promise<void> {
  // the server may be gone already; there is nothing to flush then
  await Promise.race([
    connection.close().catch(() => undefined),
    new Promise((resolve) => setTimeout(resolve, 1000)),
  ]);
}
