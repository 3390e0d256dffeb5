import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { blake3Hash, parseHex, utf8 } from '@logline/canon-sign';
import { SERVICE_NAMES } from '@logline/contracts';
import { ensureContainerEngine, findFreePort, type EnsuredEngine } from '@logline/engines';
import { formatVkey } from '@logline/tlog';
import { clearContainers } from './clear-containers.ts';
import { Commands } from './command.ts';
import { readEnvFile, writeEnvFile, type EnvFile } from './env-file.ts';
import { LocalError } from './errors.ts';
import { startInfrastructure, type Infrastructure } from './infrastructure.ts';
import type { Layout } from './layout.ts';
import { migrate } from './migrate.ts';
import type { Secrets } from './secrets.ts';
import { runnerSpec, serviceSpecs, STOP_ORDER, toProcess, type Surroundings } from './services.ts';
import { Supervisor } from './supervisor.ts';
import { bearTenant, registerRunner } from './tenant.ts';
import { waitReady } from './wait-ready.ts';

/** The blueprint's tenant, so that its quick start works as printed. */
export const TENANT = 'voulezvous';
export const RUNNER = 'local';
const ORIGIN = 'logline.local';
const PREFERRED_GATEWAY_PORT = 8080;
const READY_WITHIN_MS = 60_000;

export type InstallationOptions = {
  readonly layout: Layout;
  readonly secrets: Secrets;
  readonly allowInstall: boolean;
  readonly report: (line: string) => void;
};

export type Installation = {
  readonly env: EnvFile;
  readonly engine: EnsuredEngine | null;
  readonly commands: Commands;
  stop(): Promise<void>;
};

/** The whole system on this machine: engines, streams, tables, services, the first tenant and its runner. Returns when all of it is ready. */
export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { layout, secrets, allowInstall, report } = options;
  const supervisor = new Supervisor(report, () => void refreshPids());
  let infrastructure: Infrastructure | undefined;
  let env: EnvFile | undefined;
  let engine: EnsuredEngine | null = null;

  async function refreshPids(): Promise<void> {
    if (env === undefined || infrastructure === undefined) return;
    env = { ...env, processes: pidsOf(supervisor, infrastructure, engine) };
    await writeEnvFile(layout.env, env);
  }
  const stop = async (): Promise<void> => {
    await supervisor.stop(STOP_ORDER);
    if (engine !== null)
      await clearContainers(engine, RUNNER, report).catch((error: unknown) => report(String(error)));
    await Promise.all([infrastructure?.stop(), engine?.stop()]);
  };

  try {
    const before = await readEnvFile(layout.env);
    const looking = ensureContainerEngine({ dir: layout.engine, report, allowInstall });
    // an engine that cannot be had is said when it is needed, not before everything else has started
    looking.catch(() => undefined);
    infrastructure = await startInfrastructure({
      layout,
      secrets,
      runner: { tenant: TENANT, name: RUNNER },
      allowInstall,
      report,
      onChange: () => void refreshPids(),
    });
    const around = await surroundings(options, infrastructure, before);
    const specs = serviceSpecs(around);
    await migrate(specs, around);
    for (const spec of specs) await supervisor.start(toProcess(spec, around));
    await Promise.all(specs.map(({ name, port }) => waitReady(name, port, supervisor, READY_WITHIN_MS)));
    const logKey = await logKeyOf(secrets);
    const commands = new Commands(layout);
    const baseUrl = `http://127.0.0.1:${around.ports['gateway'] ?? 0}`;
    await secrets.password('wallet');
    env = {
      baseUrl,
      tenant: TENANT,
      operatorKeyFile: secrets.path('operator.json'),
      walletFile: layout.wallet,
      passphraseFile: secrets.path('wallet.password'),
      natsUrl: infrastructure.natsUrl,
      postgresUrl: infrastructure.adminUrl,
      logKey,
      processes: pidsOf(supervisor, infrastructure, engine),
    };
    // the commands below find the installation by this file, as everybody does
    await writeEnvFile(layout.env, env);
    const { apiKey, rootKey } = await bearTenant(TENANT, commands, secrets);
    env = { ...env, apiKey };
    await writeEnvFile(layout.env, env);
    const found = await looking;
    if ('kind' in found) {
      engine = found;
      env = { ...env, engine: { kind: found.kind, socketPath: found.socketPath } };
      await registerRunner({ tenant: TENANT, runner: RUNNER, provider: found.kind }, commands, secrets);
      const runner = runnerSpec({
        ...around,
        tenant: TENANT,
        runner: RUNNER,
        provider: found.kind,
        engineSocket: found.socketPath,
        gatewayUrl: baseUrl,
        rootKey,
        logKey,
        node: hostname(),
        runnerSecrets: tmpfsDir(layout.home),
      });
      await supervisor.start(toProcess(runner, around));
      await waitReady('runner', runner.port, supervisor, READY_WITHIN_MS);
    } else {
      report(`${found.missing}; ${found.how}`);
    }
    await refreshPids();
    return { env, engine, commands, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function surroundings(
  { layout, secrets }: InstallationOptions,
  infrastructure: Infrastructure,
  before: EnvFile | null,
): Promise<Surroundings> {
  const services = ['ledger', 'tdln-gate', 'wallet-verifier', 'projector', 'deploy-orchestrator', 'runner'];
  // the gateway stays where it was, if it can: clients have its address
  const preferred = before === null ? PREFERRED_GATEWAY_PORT : Number(new URL(before.baseUrl).port);
  const ports: Record<string, number> = { gateway: await findFreePort(preferred) };
  for (const service of services) ports[service] = await findFreePort();
  const token = await secrets.text('operator.token', () => `operator_${randomToken()}`);
  await writeSharedFiles(secrets, infrastructure, token);
  const operator = await secrets.key('operator', 'operator');
  return {
    layout,
    natsUrl: infrastructure.natsUrl,
    secretFile: (name) => secrets.path(name),
    ports,
    origin: ORIGIN,
    authorities: ['127.0.0.1', 'localhost'].map((host) => `${host}:${ports['gateway'] ?? 0}`).join(','),
    operatorTokenHash: blake3Hash(utf8(token)),
    operatorKeys: `${operator.kid}:${operator.pub}`,
  };
}

/** What services read as files: URLs with passwords in them, the operator's keys, and everything a new tenant's log begins with. */
async function writeSharedFiles(
  secrets: Secrets,
  { postgresUrls }: Infrastructure,
  token: string,
): Promise<void> {
  const operator = await secrets.key('operator', 'operator');
  const log = await secrets.key('log', 'log');
  const services = await Promise.all(
    SERVICE_NAMES.map(async (service) => {
      const { kid, pub } = await secrets.key(service, service);
      return { service, kid, pub };
    }),
  );
  const write = (name: string, text: string): Promise<void> =>
    writeFile(secrets.path(name), text, { mode: 0o600 });
  for (const [role, url] of Object.entries(postgresUrls)) await write(`postgres-${role}.url`, `${url}\n`);
  await write('operator-keys.json', JSON.stringify([{ kid: operator.kid, pub: operator.pub }]));
  const { kid, seed } = operator;
  await write(
    'operator.json',
    JSON.stringify({ kid, seed, token, origin: ORIGIN, log_pub: log.pub, services }),
  );
}

async function logKeyOf(secrets: Secrets): Promise<string> {
  const { pub } = await secrets.key('log', 'log');
  return formatVkey(`${ORIGIN}/${TENANT}`, parseHex(pub, 32));
}

function pidsOf(
  supervisor: Supervisor,
  infrastructure: Infrastructure,
  engine: EnsuredEngine | null,
): Record<string, number> {
  return {
    supervisor: process.pid,
    ...infrastructure.pids(),
    ...(engine?.pid === undefined ? {} : { [engine.kind]: engine.pid }),
    ...supervisor.pids(),
  };
}

/** A folder of this installation's own on the machine's tmpfs. */
function tmpfsDir(home: string): string {
  return `/dev/shm/logline-${blake3Hash(utf8(home)).slice('blake3:'.length, 'blake3:'.length + 16)}`;
}

function randomToken(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
}

/** @throws LocalError `NO_ENGINE` */
export function needEngine(engine: EnsuredEngine | null): EnsuredEngine {
  if (engine !== null) return engine;
  throw new LocalError(
    'NO_ENGINE',
    'the main job needs a container engine: install Docker or Podman and start again',
  );
}
