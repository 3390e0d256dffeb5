import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runnerUser } from '@logline/contracts';
import type { ProcessOptions } from '@logline/engines';
import type { Layout } from './layout.ts';

/** One process of the installation: where its code is and what its environment says, under its prefix. */
export type ServiceSpec = {
  readonly name: string;
  readonly dir: string;
  readonly prefix: string;
  readonly natsUser: string;
  /** PostgreSQL role, for those that have tables. */
  readonly role?: string;
  /** Role that its tables belong to, where that is another one. */
  readonly owner?: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** For Node; with source maps where nothing is said. */
  readonly nodeFlags?: readonly string[];
};

/**
 * By itself V8 gives a busy process 128 MB for what has just been made, and never takes them back. With this an append costs a few per cent more CPU time;
 * with a limit for the whole heap it would cost a third more.
 */
const SMALL_NURSERY = '--max-semi-space-size=16';
const SOURCE_MAPS = '--enable-source-maps';

export type Surroundings = {
  readonly layout: Layout;
  readonly natsUrl: string;
  /** Path of a secret's file, by its name. */
  readonly secretFile: (name: string) => string;
  readonly ports: Readonly<Record<string, number>>;
  readonly origin: string;
  readonly authorities: string;
  readonly operatorTokenHash: string;
  /** `<kid>:<public key>`. */
  readonly operatorKeys: string;
};

/** A second log key, taken where it is there (docs/log-key-rotation.md). */
const NEXT_LOG_KEY = 'next-log.key.json';

/** The services in the order they are stopped: intake first, the truth last. */
export const STOP_ORDER = [
  ['gateway', 'runner'],
  ['tdln-gate', 'wallet-verifier', 'deploy-orchestrator'],
  ['projector', 'ledger'],
] as const;

export function serviceSpecs({
  layout,
  secretFile,
  ports,
  origin,
  authorities,
  operatorTokenHash,
  operatorKeys,
}: Surroundings): readonly ServiceSpec[] {
  const port = (name: string): number => ports[name] ?? 0;
  const key = (name: string): Record<string, string> => ({ KEY_FILE: secretFile(`${name}.key.json`) });
  return [
    {
      name: 'ledger',
      dir: 'services/ledger',
      prefix: 'LOGLINE_LEDGER',
      natsUser: 'ledger',
      role: 'ledger',
      owner: 'ledger_owner',
      port: port('ledger'),
      // and no source maps, which are 27 MB in memory: what tsc makes of a file reads like it
      nodeFlags: [SMALL_NURSERY],
      env: {
        ...key('log'),
        ORIGIN: origin,
        ...(existsSync(secretFile(NEXT_LOG_KEY)) ? { NEXT_KEY_FILE: secretFile(NEXT_LOG_KEY) } : {}),
        ...(existsSync(layout.witnessPolicy) ? { WITNESS_POLICY_FILE: layout.witnessPolicy } : {}),
      },
    },
    {
      name: 'tdln-gate',
      dir: 'services/tdln-gate',
      prefix: 'LOGLINE_GATE',
      natsUser: 'tdln-gate',
      port: port('tdln-gate'),
      env: { ...key('tdln-gate'), OPERATOR_KEYS_FILE: secretFile('operator-keys.json') },
    },
    {
      name: 'wallet-verifier',
      dir: 'services/wallet-verifier',
      prefix: 'LOGLINE_VERIFIER',
      natsUser: 'wallet-verifier',
      port: port('wallet-verifier'),
      env: key('wallet-verifier'),
    },
    {
      name: 'projector',
      dir: 'services/projector',
      prefix: 'LOGLINE_PROJECTOR',
      natsUser: 'projector',
      role: 'views',
      port: port('projector'),
      env: {},
    },
    {
      name: 'deploy-orchestrator',
      dir: 'services/deploy-orchestrator',
      prefix: 'LOGLINE_ORCHESTRATOR',
      natsUser: 'deploy-orchestrator',
      role: 'orchestrator',
      port: port('deploy-orchestrator'),
      env: key('deploy-orchestrator'),
    },
    {
      name: 'gateway',
      dir: 'services/gateway',
      prefix: 'LOGLINE_GATEWAY',
      natsUser: 'gateway',
      role: 'gateway',
      port: port('gateway'),
      env: { AUTHORITIES: authorities, OPERATOR_TOKEN_HASH: operatorTokenHash, OPERATOR_KEYS: operatorKeys },
    },
  ];
}

export type RunnerSurroundings = Surroundings & {
  readonly tenant: string;
  readonly runner: string;
  readonly provider: string;
  readonly engineSocket: string;
  readonly gatewayUrl: string;
  readonly rootKey: string;
  readonly logKey: string;
  readonly node: string;
  /** On tmpfs. */
  readonly runnerSecrets: string;
};

export function runnerSpec(around: RunnerSurroundings): ServiceSpec {
  const { layout, secretFile, ports, tenant, runner } = around;
  return {
    name: 'runner',
    dir: 'apps/runner',
    prefix: 'LOGLINE_RUNNER',
    natsUser: runnerUser(tenant, runner),
    port: ports['runner'] ?? 0,
    env: {
      TENANT: tenant,
      RUNNER_ID: runner,
      ROOT_KEY: around.rootKey,
      LOG_KEY: around.logKey,
      KEY_FILE: secretFile('runner.key.json'),
      HPKE_KEY_FILE: secretFile('runner-hpke.key.json'),
      GATEWAY_URL: around.gatewayUrl,
      API_TOKEN_FILE: secretFile('runner.token'),
      PROVIDER: around.provider,
      ENGINE_SOCKET: around.engineSocket,
      JOURNAL_DIR: layout.runnerJournal,
      SECRETS_DIR: around.runnerSecrets,
      NODE_NAME: around.node,
    },
  };
}

/** How a service is started: compiled code, under the Node that runs this, with an environment of its own and nothing else's. */
export function toProcess(spec: ServiceSpec, { layout, natsUrl, secretFile }: Surroundings): ProcessOptions {
  return {
    name: spec.name,
    command: process.execPath,
    args: [...(spec.nodeFlags ?? [SOURCE_MAPS]), join(layout.root, spec.dir, 'dist', 'main.js')],
    cwd: layout.dev,
    env: environmentOf(spec, natsUrl, secretFile, layout),
    logFile: join(layout.logs, `${spec.name}.log`),
    stopWithinMs: 15_000,
    schedule: 'batch',
  };
}

/** The process that makes a service's tables. */
export function toMigration(spec: ServiceSpec, around: Surroundings): ProcessOptions {
  const { layout, secretFile } = around;
  const process = toProcess(spec, around);
  return {
    ...process,
    name: `${spec.name} migration`,
    env: {
      ...process.env,
      ...(spec.owner === undefined
        ? {}
        : { LOGLINE_MIGRATE_POSTGRES_URL_FILE: secretFile(`postgres-${spec.owner}.url`) }),
    },
    args: [SOURCE_MAPS, join(layout.root, spec.dir, 'dist', 'migrate.js')],
    logFile: join(layout.logs, `${spec.name}-migration.log`),
  };
}

/** How the ledger's chores are started, with the environment of the service itself. */
export function toMaintenance(around: Surroundings): {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const spec = serviceSpecs(around).find(({ name }) => name === 'ledger');
  if (spec === undefined) throw new RangeError('an installation without a ledger');
  const { layout, natsUrl, secretFile } = around;
  const env = environmentOf(spec, natsUrl, secretFile, layout);
  return {
    command: [
      process.execPath,
      SOURCE_MAPS,
      SMALL_NURSERY,
      join(layout.root, spec.dir, 'dist', 'maintain.js'),
    ],
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? ''])),
  };
}

function environmentOf(
  { prefix, natsUser, role, port, env }: ServiceSpec,
  natsUrl: string,
  secretFile: (name: string) => string,
  layout: Layout,
): NodeJS.ProcessEnv {
  const own: Record<string, string> = {
    NATS_URL: natsUrl,
    NATS_USER: natsUser,
    NATS_PASSWORD_FILE: secretFile(`${natsUser}.password`),
    HTTP_PORT: String(port),
    ...(role === undefined ? {} : { POSTGRES_URL_FILE: secretFile(`postgres-${role}.url`) }),
    ...env,
  };
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    // compiled code is kept between starts: it is most of what a small service does until it is ready
    NODE_COMPILE_CACHE: join(layout.cache, 'v8'),
    ...Object.fromEntries(Object.entries(own).map(([name, value]) => [`${prefix}_${name}`, value])),
  };
}
