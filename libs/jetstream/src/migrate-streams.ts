import type { NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';
import type { Log } from './log.ts';
import {
  consumerConfigs,
  runnerConsumer,
  streamConfigs,
  type DurableConsumer,
  type StreamConfig,
} from './stream-settings.ts';

/** 2.12 has atomic batches; older servers drop settings they do not know in silence. */
const LEAST_SERVER = [2, 12] as const;

export type MigrateOptions = {
  /** 1 on one machine, 3 in production. */
  readonly replicas?: number;
  /** Of the ledger; 1. */
  readonly partitions?: number;
  /** After which a fact leaves its stream: 30 days; 0 for never. What is older goes at once when it is made shorter. */
  readonly factsMaxAgeMs?: number;
};

/**
 * All streams, consumers and buckets stand as `stream-settings.ts` says: created, or updated in place. Idempotent; only the user `migrator` may.
 * Nothing is ever deleted; a setting that cannot be changed in place is an error that names the stream.
 * @throws JetStreamError
 */
export async function migrateStreams(
  nc: NatsConnection,
  { replicas = 1, partitions = 1, factsMaxAgeMs }: MigrateOptions = {},
): Promise<void> {
  assertServer(nc.info?.version ?? '0');
  for (const config of streamConfigs(replicas, factsMaxAgeMs)) await applyStream(nc, config);
  for (const consumer of consumerConfigs(partitions)) await applyConsumer(nc, consumer);
}

/**
 * Migrates now, and again whenever the connection comes back: on one machine (R1) a restarted nats-server has forgotten its
 * memory streams and their consumers. Run it once per installation, as `migrator`, beside the server.
 */
export function keepStreams(
  nc: NatsConnection,
  log: Log,
  options: MigrateOptions = {},
): { readonly ready: Promise<void>; stop(): void } {
  let isStopped = false;
  const migrate = async (): Promise<void> => {
    for (let attempt = 0; !isStopped && !nc.isClosed(); attempt++) {
      try {
        await migrateStreams(nc, options);
        return;
      } catch (error) {
        // a server that has just started may not serve JetStream yet
        if (attempt >= 20) log.error({ err: error }, 'streams could not be migrated');
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  };
  const ready = migrate();
  const statuses = nc.status();
  void (async () => {
    for await (const status of statuses) {
      if (isStopped) return;
      if (status.type === 'reconnect') void migrate();
    }
  })();
  return {
    ready,
    stop: () => {
      isStopped = true;
    },
  };
}

/** A runner's durable stands. Run by `migrator` when the runner's NATS user is made. Idempotent. */
export async function provisionRunner(nc: NatsConnection, tenant: string, runner: string): Promise<void> {
  await applyConsumer(nc, runnerConsumer(tenant, runner));
}

async function applyStream(nc: NatsConnection, config: StreamConfig): Promise<void> {
  try {
    await callApi(nc, `STREAM.UPDATE.${config.name}`, config);
  } catch (error) {
    if (!(error instanceof JetStreamError) || error.code !== 'NO_STREAM') throw explain(config.name, error);
    await callApi(nc, `STREAM.CREATE.${config.name}`, config).catch((cause: unknown) => {
      throw explain(config.name, cause);
    });
  }
}

/** Creates the consumer as wanted, or updates one that exists without moving its position. */
async function applyConsumer(nc: NatsConnection, { stream, config }: DurableConsumer): Promise<void> {
  await createConsumer(nc, {
    stream,
    config: { ...config, ...(await startOf(nc, stream, config.durable_name)) },
  });
}

export async function createConsumer(nc: NatsConnection, { stream, config }: DurableConsumer): Promise<void> {
  const call = `CONSUMER.CREATE.${stream}.${config.durable_name}.${config.filter_subject}`;
  await callApi(nc, call, { stream_name: stream, config, action: '' });
}

/**
 * What of an existing consumer cannot be changed: where it began (a leader may have recreated it behind what was acknowledged), and how it is acknowledged, which
 * becomes as wanted when its leader recreates it.
 */
async function startOf(nc: NatsConnection, stream: string, durable: string): Promise<object> {
  try {
    const { config } = await callApi(nc, `CONSUMER.INFO.${stream}.${durable}`, undefined);
    if (!isRecord(config)) return {};
    const { deliver_policy, opt_start_seq, ack_policy } = config;
    return { deliver_policy, ack_policy, ...(opt_start_seq === undefined ? {} : { opt_start_seq }) };
  } catch (error) {
    if (error instanceof JetStreamError && error.code === 'NO_STREAM') return {};
    throw error;
  }
}

export async function ignoreMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof JetStreamError) || error.code !== 'NO_STREAM') throw error;
  }
}

function explain(stream: string, error: unknown): unknown {
  if (!(error instanceof JetStreamError) || error.code !== 'REFUSED') return error;
  return new JetStreamError(
    'REFUSED',
    `stream ${stream} cannot be set as wanted: ${error.message}; a setting that is fixed at creation needs a new stream`,
    { cause: error, ...(error.apiCode === undefined ? {} : { apiCode: error.apiCode }) },
  );
}

function assertServer(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST_SERVER[0] || (major === LEAST_SERVER[0] && minor >= LEAST_SERVER[1])) return;
  throw new JetStreamError(
    'REFUSED',
    `nats-server ${version} is too old: ${LEAST_SERVER.join('.')} or newer is needed`,
  );
}
