import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ensureContainerEngine, type EnsuredEngine } from '@logline/engines';
import { clearContainers, RUNNER } from './clear-containers.ts';
import { Commands } from './command.ts';
import { readEnvFile, startsOf, writeEnvFile, type EnvFile } from './env-file.ts';
import { LocalError } from './errors.ts';
import { startInfrastructure, type Infrastructure } from './infrastructure.ts';
import type { Layout } from './layout.ts';
import { migrate } from './migrate.ts';
import type { Secrets } from './secrets.ts';
import {
  runnerSpec,
  serviceSpecs,
  STOP_ORDER,
  toMaintenance,
  toProcess,
  type Surroundings,
} from './services.ts';
import { Supervisor } from './supervisor.ts';
import { logKeyOf, surroundings } from './surroundings.ts';
import { bearTenant, isRegistered, registerRunner } from './tenant.ts';
import { waitReady } from './wait-ready.ts';

/** The tenant of the README's quick start, so that it works as printed. */
export const TENANT = 'voulezvous';
const READY_WITHIN_MS = 60_000;

export type InstallationOptions = {
  readonly layout: Layout;
  readonly secrets: Secrets;
  readonly allowInstall: boolean;
  readonly report: (line: string) => void;
  /** Asked to end while it starts: nothing further is started. */
  readonly signal: AbortSignal;
};

/** The whole system on this machine: engines, streams, tables, services, the first tenant and its runner. */
export class Installation {
  readonly commands: Commands;
  private readonly options: InstallationOptions;
  private readonly supervisor: Supervisor;
  private infrastructure: Infrastructure | undefined;
  private looking: ReturnType<typeof ensureContainerEngine> | undefined;
  private found: EnsuredEngine | null = null;
  private written: EnvFile | undefined;

  private constructor(options: InstallationOptions) {
    this.options = options;
    this.commands = new Commands(options.layout);
    this.supervisor = new Supervisor(options.report, () => void this.writeEnv({}));
  }

  /** Resolves when all of it is ready; what has started is stopped again when something does not come up. */
  static async start(options: InstallationOptions): Promise<Installation> {
    const installation = new Installation(options);
    try {
      await installation.startAll();
      return installation;
    } catch (error) {
      await installation.stop();
      throw error;
    }
  }

  get env(): EnvFile {
    if (this.written === undefined) throw new LocalError('NOT_READY', 'nothing has started yet');
    return this.written;
  }

  /** @throws LocalError `NO_ENGINE` */
  get engine(): EnsuredEngine {
    if (this.found !== null) return this.found;
    throw new LocalError(
      'NO_ENGINE',
      'the main job needs a container engine: install Docker or Podman and start again',
    );
  }

  async stop(): Promise<void> {
    const { layout, report } = this.options;
    await this.supervisor.stop(STOP_ORDER);
    // an engine that was still being started is ours to end, too
    const engine = await this.looking?.catch(() => null);
    const own = engine !== null && engine !== undefined && 'kind' in engine ? engine : null;
    if (own !== null) await clearContainers(own, report).catch((error: unknown) => report(String(error)));
    await Promise.all([this.infrastructure?.stop(), own?.stop()]);
    // no container is left to read them
    await rm(layout.runnerSecrets, { recursive: true, force: true });
  }

  private async startAll(): Promise<void> {
    const { layout, secrets, allowInstall, report, signal } = this.options;
    const before = await readEnvFile(layout.env);
    this.looking = ensureContainerEngine({ dir: layout.engine, report, allowInstall });
    // one that cannot be had is said when it is needed, not before everything else has started
    this.looking.catch(() => undefined);
    this.infrastructure = await startInfrastructure({
      layout,
      secrets,
      runner: { tenant: TENANT, name: RUNNER },
      allowInstall,
      report,
      onChange: () => void this.writeEnv({}),
    });
    signal.throwIfAborted();
    const { natsUrl, adminUrl } = this.infrastructure;
    report(`nats-server at ${natsUrl}, PostgreSQL at ${new URL(adminUrl).host}`);
    const around = await surroundings(this.options, this.infrastructure, before);
    await secrets.password('wallet');
    await this.writeEnv({
      baseUrl: gatewayUrl(around),
      tenant: TENANT,
      operatorKeyFile: secrets.path('operator.json'),
      walletFile: layout.wallet,
      passphraseFile: secrets.path('wallet.password'),
      natsUrl,
      postgresUrl: adminUrl,
      logKey: await logKeyOf(TENANT, secrets),
      maintenance: toMaintenance(around),
    });
    // a runner that was registered before waits for nobody
    const isKnown = await isRegistered(secrets);
    // all that has begun is let come to its end first, so that what stops it finds it
    const begun = await Promise.allSettled([
      this.startServices(around),
      isKnown ? this.startRunner(around) : undefined,
    ]);
    for (const one of begun) if (one.status === 'rejected') throw one.reason;
    signal.throwIfAborted();
    const { apiKey } = await bearTenant(TENANT, this.commands, secrets);
    // commands find the installation by this file, as everybody does
    await this.writeEnv({ apiKey });
    if (!isKnown) await this.startRunner(around);
    await this.writeEnv({});
  }

  private async startServices(around: Surroundings): Promise<void> {
    const specs = serviceSpecs(around);
    await migrate(specs, around);
    this.options.signal.throwIfAborted();
    this.options.report('tables are there; starting the services');
    for (const spec of specs) await this.supervisor.start(toProcess(spec, around));
    await Promise.all(
      specs.map(({ name, port }) =>
        waitReady(name, port, this.supervisor, READY_WITHIN_MS, this.options.signal),
      ),
    );
    this.options.report(`services: ${specs.map(({ name }) => name).join(', ')}`);
  }

  /** The runner of this machine's engine; registered first, when it never was. Without an engine there is none, and it is said. */
  private async startRunner(around: Surroundings): Promise<void> {
    const { layout, secrets, report } = this.options;
    const found = await this.looking;
    this.options.signal.throwIfAborted();
    if (found === undefined || !('kind' in found)) {
      report(`${found?.missing ?? 'no container engine'}; ${found?.how ?? ''}`);
      return;
    }
    this.found = found;
    await this.writeEnv({ engine: { kind: found.kind, socketPath: found.socketPath } });
    await registerRunner({ tenant: TENANT, runner: RUNNER, provider: found.kind }, this.commands, secrets);
    const { rootKey } = await bearTenant(TENANT, this.commands, secrets);
    const runner = runnerSpec({
      ...around,
      tenant: TENANT,
      runner: RUNNER,
      provider: found.kind,
      engineSocket: found.socketPath,
      gatewayUrl: gatewayUrl(around),
      rootKey,
      logKey: await logKeyOf(TENANT, secrets),
      node: hostname(),
      runnerSecrets: layout.runnerSecrets,
    });
    await this.supervisor.start(toProcess(runner, around));
    await waitReady('runner', runner.port, this.supervisor, READY_WITHIN_MS, this.options.signal);
    report(`runner: ${RUNNER}, on ${found.kind} ${found.version}`);
  }

  private async writeEnv(change: Partial<EnvFile>): Promise<void> {
    const processes = this.pids();
    const next = { ...this.written, ...change, processes, started: startsOf(processes) };
    if (next.baseUrl === undefined) return;
    this.written = next as EnvFile; // baseUrl comes with all the others, in the first change
    await writeEnvFile(this.options.layout.env, this.written);
  }

  private pids(): Record<string, number> {
    const engine = this.found;
    return {
      supervisor: process.pid,
      ...this.infrastructure?.pids(),
      ...(engine?.pid === undefined ? {} : { [engine.kind]: engine.pid }),
      ...this.supervisor.pids(),
    };
  }
}

function gatewayUrl({ ports }: Surroundings): string {
  return `http://127.0.0.1:${ports['gateway'] ?? 0}`;
}
