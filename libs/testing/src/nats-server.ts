import { NATS_USERS, permissionsOf, runnerPermissions, runnerUser } from '@logline/contracts';
import { findNatsServer, readEnvironment, startNats, type NatsHandle, type NatsUser } from '@logline/engines';
import { join } from 'node:path';
import { quietPort, withPortBack } from './ports.ts';

export type TestRunner = { readonly tenant: string; readonly runner: string };

/** May do everything: for looking at streams from outside. */
export const TEST_USER = 'test';

/** The password of every NATS user and database role of a test. */
export const passwordOf = (user: string): string => `password of ${user}`;

/** The users of an installation, with the permissions they really have, and one that may do everything. */
export function testUsers(runners: readonly TestRunner[]): readonly NatsUser[] {
  return [
    { user: TEST_USER, password: passwordOf(TEST_USER) },
    ...NATS_USERS.map((user) => ({ user, password: passwordOf(user), permissions: permissionsOf(user) })),
    ...runners.map(({ tenant, runner }) => {
      const user = runnerUser(tenant, runner);
      return { user, password: passwordOf(user), permissions: runnerPermissions(tenant, runner) };
    }),
  ];
}

export type TestNats = {
  readonly url: string;
  readonly port: number;
  /** SIGTERM. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The same store and port again. */
  start(): Promise<void>;
};

export async function startTestNats(dir: string, runners: readonly TestRunner[]): Promise<TestNats> {
  const { cacheDir } = readEnvironment();
  const { path: binary } = await findNatsServer({ cacheDir, report: (line) => console.log(line) });
  const users = testUsers(runners);
  const start = (where: { readonly port?: number; readonly preferredPort?: number }): Promise<NatsHandle> =>
    startNats({
      binary,
      dir: join(dir, 'nats'),
      config: { users },
      ...where,
      logFile: join(dir, 'nats.log'),
    });
  let server = await start({ preferredPort: quietPort() });
  const { url, port } = server;
  return {
    url,
    port,
    stop: () => server.stop(),
    kill: () => server.kill(),
    start: async () => {
      server = await withPortBack(() => start({ port }));
    },
  };
}
