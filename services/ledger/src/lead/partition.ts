import type { LocalSigner } from '@logline/canon-sign';
import { CONSUMERS, STREAMS, SUBMIT_RECHECK, type SubmitRequest } from '@logline/contracts';
import {
  answer,
  Coalescer,
  lastFactOf,
  type Log as Logger,
  Publisher,
  publishFacts,
  recreateConsumer,
} from '@logline/jetstream';
import type { JetStreamStrategy } from '@logline/jetstream/nest';
import { Leadership, type Pool } from '@logline/postgres';
import type { NatsConnection } from '@nats-io/nats-core';
import type { AppendMetrics } from '../append/append-metrics.ts';
import { AppendService } from '../append/append.service.ts';
import { Memory } from '../append/memory.ts';
import { logNames } from './log-names.ts';
import { fromStored } from '../publish/fact.ts';
import { FactsLane } from '../publish/facts-lane.ts';
import { AppendConnection } from '../storage/append-connection.ts';
import { loadPartition } from '../storage/load-logs.ts';
import { onPool } from '../storage/on-pool.ts';
import { pruneSpent } from '../storage/prune-spent.ts';
import { readFacts } from '../storage/read-facts.ts';

export type PartitionParts = {
  readonly partition: number;
  readonly nc: NatsConnection;
  readonly strategy: Pick<JetStreamStrategy, 'resume' | 'pause'>;
  readonly postgresUrl: string;
  /** For the lease, facts read back, and chores; the append loop has a connection of its own. */
  readonly pool: Pool;
  readonly signer: LocalSigner;
  /** The second key, while one gives way to another. */
  readonly otherSigner?: LocalSigner | undefined;
  /** What the logs' origins begin with. */
  readonly origin: string;
  readonly metrics: AppendMetrics;
  readonly log: Logger;
};

export type Partition = {
  readonly append: AppendService;
  readonly lane: FactsLane;
  readonly leadership: Leadership;
};

const PRUNE_EVERY_MS = 600_000;
/** How long a partition stands still when its leader is killed. */
const LEASE_MS = 3_000;

/** Some tenants' logs: one append loop, one facts lane, led by whoever holds the lease. */
export function assemblePartition(parts: PartitionParts): Partition {
  const { partition, nc, strategy, postgresUrl, pool, signer, otherSigner, origin, metrics, log } = parts;
  const consumer = CONSUMERS.ledger(partition);
  const sql = onPool(pool);
  const publisher = new Publisher(nc);
  const rechecks = new Coalescer<SubmitRequest>({
    send: (envelope) => publisher.publish(SUBMIT_RECHECK, envelope),
  });

  const lane = new FactsLane({
    publish: (messages) => publishFacts(nc, messages),
    lastPublished: async (tenant) => (await lastFactOf(nc, tenant))?.index ?? -1,
    readFacts: async ({ logId, tenant }, from, to) =>
      (await readFacts(sql, logId, from, to)).map((stored) => fromStored(stored, tenant)),
    log,
  });
  const append = new AppendService({
    partition,
    leaseName: consumer,
    connection: new AppendConnection(postgresUrl),
    memory: new Memory(),
    signer,
    otherSigner,
    nameOf: logNames(origin, signer, otherSigner),
    clock: Date.now,
    lane,
    answer: (reply, trace, acks) => {
      try {
        answer(nc, reply, trace, acks);
      } catch (err) {
        log.warn({ err, trace }, 'acks could not be sent; a retry gets the same ones');
      }
    },
    recheck: (request, bodies) => rechecks.add(request, bodies),
    onDeposed: () => leadership.lose(),
    metrics,
    log,
  });

  let chores: NodeJS.Timeout | undefined;
  const leadership = new Leadership({
    pool,
    name: consumer,
    ttlMs: LEASE_MS,
    begin: async (epoch) => {
      lane.start((await loadPartition(sql, partition)).map((one) => ({ log: one, size: one.size })));
      append.lead(epoch);
      chores = setInterval(
        () => void pruneSpent(sql, Date.now()).catch((err: unknown) => log.warn({ err }, 'pruning failed')),
        PRUNE_EVERY_MS,
      );
      // whatever an earlier leader held comes again, in order
      await recreateConsumer(nc, STREAMS.accept, consumer);
      strategy.resume(STREAMS.accept, consumer);
    },
    end: async () => {
      clearInterval(chores);
      await append.stop();
      await strategy.pause(STREAMS.accept, consumer);
      await lane.stop();
    },
    log,
  });
  return { append, lane, leadership };
}
