import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomStrategy } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyServerOptions } from 'fastify';
import { ConfigError } from './errors.ts';
import { HealthController } from './health.controller.ts';
import { createLog, type Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { NestLog } from './nest-log.ts';
import { readConfig } from './read-config.ts';
import { Readiness } from './readiness.ts';
import type { HttpConfig } from './service-config.ts';
import { runStopSteps, type StopStep } from './shutdown.ts';

/** What a service's module gets from outside. Also injectable by class: `Metrics`, `Readiness`; the log by `LOG`. */
export type ServiceParts = { readonly log: Log; readonly metrics: Metrics; readonly readiness: Readiness };
export const LOG: unique symbol = Symbol('LOG');

export type BootOptions<C extends HttpConfig> = {
  readonly name: string;
  /** Of its environment keys, such as `LOGLINE_LEDGER`. */
  readonly prefix: string;
  readonly config: new () => C;
  readonly module: (config: Readonly<C>, parts: ServiceParts) => DynamicModule;
  /** Nest transports; they listen before the service counts as ready. */
  readonly transports?: (app: NestFastifyApplication) => readonly CustomStrategy['strategy'][];
  /** Body limits, trust of proxies and the like, for those who serve more than health. */
  readonly fastify?: FastifyServerOptions;
  /** After the modules are made, before anything listens. */
  readonly configure?: (app: NestFastifyApplication, config: Readonly<C>) => unknown;
  /** Once everything listens: contend for leadership and the like. Not awaited longer than it takes to start. */
  readonly started?: (app: NestFastifyApplication, config: Readonly<C>) => unknown;
  /** On SIGTERM, in this order, after readiness is gone; `app.close()` comes last by itself. */
  readonly stop?: (
    app: NestFastifyApplication,
    more: { readonly closeHttp: () => Promise<void> },
  ) => readonly StopStep[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For all steps of stopping together; 25 s. */
  readonly stopWithinMs?: number;
};

/** sysexits.h: the configuration is at fault; restarting will not help. */
const EXIT_CONFIG = 78;
const LEAST_NODE = 22;

/**
 * Starts a service and stays up until SIGTERM or SIGINT: config, log, Nest on Fastify with health doors, transports. Anything unhandled ends the process.
 * An order is kept on the way down: unready, the service's own steps, close (docs/architecture.md, "What each fault comes to").
 */
export async function bootService<C extends HttpConfig>(
  options: BootOptions<C>,
): Promise<NestFastifyApplication> {
  const { name, prefix, env = process.env } = options;
  assertNode();
  const config = readConfigOrExit(prefix, options.config, env);
  const log = createLog({ name, level: config.logLevel });
  const metrics = new Metrics();
  const readiness = new Readiness();
  addProcessMetrics(metrics);
  dieOnUnhandled(log);
  try {
    const app = await createApp(options, config, { log, metrics, readiness });
    stopOnSignal(app, options, { log, readiness });
    await app.startAllMicroservices();
    await app.listen(config.httpPort, config.httpHost);
    await options.started?.(app, config);
    readiness.markRunning();
    log.info({ url: await app.getUrl() }, 'ready');
    return app;
  } catch (error) {
    log.fatal({ err: error }, 'the service could not start');
    process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
  }
}

@Module({})
class ServiceRoot {}

async function createApp<C extends HttpConfig>(
  options: BootOptions<C>,
  config: Readonly<C>,
  parts: ServiceParts,
): Promise<NestFastifyApplication> {
  const { log, metrics, readiness } = parts;
  const shared: DynamicModule = {
    module: class ServicePartsModule {},
    global: true,
    controllers: [HealthController],
    providers: [
      { provide: LOG, useValue: log },
      { provide: Metrics, useValue: metrics },
      { provide: Readiness, useValue: readiness },
    ],
    exports: [LOG, Metrics, Readiness],
  };
  const root: DynamicModule = { module: ServiceRoot, imports: [shared, options.module(config, parts)] };
  const app = await NestFactory.create<NestFastifyApplication>(
    root,
    new FastifyAdapter({ forceCloseConnections: 'idle', ...options.fastify }),
    { logger: new NestLog(log), abortOnError: false },
  );
  await options.configure?.(app, config);
  // filters that the service adds for HTTP are not for messages
  for (const strategy of options.transports?.(app) ?? [])
    app.connectMicroservice({ strategy }, { inheritAppConfig: false });
  return app;
}

function stopOnSignal<C extends HttpConfig>(
  app: NestFastifyApplication,
  { stop, stopWithinMs = 25_000 }: BootOptions<C>,
  { log, readiness }: Pick<ServiceParts, 'log' | 'readiness'>,
): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      log.warn({ signal }, 'a second signal: leaving at once');
      process.exit(1);
    }
    isStopping = true;
    readiness.markStopping();
    log.info({ signal }, 'stopping');
    const closeHttp = (): Promise<void> => closeServer(app);
    const steps: readonly StopStep[] = [
      ...(stop?.(app, { closeHttp }) ?? []),
      ['application', () => closeServer(app).then(() => app.close())],
    ];
    void runStopSteps(steps, stopWithinMs, log).then((isClean) => {
      process.exit(isClean ? 0 : 1);
    });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Takes no new request and answers those under way. Connections that clients keep open are closed as soon as nothing is asked on them. */
async function closeServer(app: NestFastifyApplication): Promise<void> {
  const server = app.getHttpServer();
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  try {
    await app.getHttpAdapter().close();
  } finally {
    clearInterval(idle);
  }
}

/** After an error nobody caught, nobody knows what is true in memory: end, and start again from what is stored. */
function dieOnUnhandled(log: Log): void {
  const die = (error: unknown): void => {
    log.fatal({ err: error }, 'unhandled error');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

function readConfigOrExit<C extends HttpConfig>(
  prefix: string,
  Config: new () => C,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<C> {
  try {
    return readConfig(prefix, Config, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

function assertNode(): void {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= LEAST_NODE) return;
  process.stderr.write(
    `node ${process.versions.node} is too old; run it by the repository's own: npx node\n`,
  );
  process.exit(EXIT_CONFIG);
}

function addProcessMetrics(metrics: Metrics): void {
  metrics.gauge('process_resident_memory_bytes', 'resident memory', () => process.memoryUsage.rss());
  metrics.gauge('process_heap_used_bytes', 'used heap', () => process.memoryUsage().heapUsed);
  metrics.gauge('process_uptime_seconds', 'since the start', () => process.uptime());
}
