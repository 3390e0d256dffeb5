import { GATE_BUCKET, STREAMS, VERIFIER_BUCKET } from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';
import { createConsumer, ignoreMissing, migrateStreams, type MigrateOptions } from './migrate-streams.ts';
import { consumerConfigs, type ConsumerConfig } from './stream-settings.ts';

const EMPTIED = [STREAMS.facts, STREAMS.cosigned, `KV_${GATE_BUCKET}`, `KV_${VERIFIER_BUCKET}`];

/**
 * Takes all facts out of their stream, what gate and verifier have made of them out of their buckets, and cosigned checkpoints out of theirs, for a database
 * that was put back and adopted: what it has lost is still a fact to every reader, and its cosigned checkpoint newer than any that comes. The ledger publishes
 * all that it has when it leads next. Runners read from the beginning. Only while no service runs, by the user `migrator`; doing it again does no harm.
 * @throws JetStreamError; killed half way it may have to be followed by provisioning the runners anew
 */
export async function emptyFacts(nc: NatsConnection, options: MigrateOptions = {}): Promise<void> {
  const runners = await runnersOnFacts(nc);
  for (const stream of EMPTIED) await ignoreMissing(callApi(nc, `STREAM.DELETE.${stream}`, undefined));
  await migrateStreams(nc, options);
  for (const config of runners) await createConsumer(nc, { stream: STREAMS.facts, config });
}

/** Durables that no migration makes are those of runners; as they are, but for where they read from. */
async function runnersOnFacts(nc: NatsConnection): Promise<readonly ConsumerConfig[]> {
  const migrated = new Set(consumerConfigs().map(({ config }) => config.durable_name));
  const found: ConsumerConfig[] = [];
  try {
    for (let offset = 0; ;) {
      const page = await callApi(nc, `CONSUMER.LIST.${STREAMS.facts}`, { offset });
      const consumers: readonly unknown[] = Array.isArray(page['consumers']) ? page['consumers'] : [];
      if (consumers.length === 0) return found;
      offset += consumers.length;
      for (const one of consumers) {
        const config = isRecord(one) ? one['config'] : undefined;
        if (!isDurable(config) || migrated.has(config.durable_name)) continue;
        const { opt_start_seq: _, ...rest } = config;
        found.push({ ...rest, deliver_policy: 'all' });
      }
    }
  } catch (error) {
    if (error instanceof JetStreamError && error.code === 'NO_STREAM') return found;
    throw error;
  }
}

function isDurable(config: unknown): config is ConsumerConfig {
  return (
    isRecord(config) &&
    typeof config['durable_name'] === 'string' &&
    typeof config['filter_subject'] === 'string'
  );
}
