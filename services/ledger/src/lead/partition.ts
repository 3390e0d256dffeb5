import type { LocalSigner } from '@logline/canon-sign';
import { CONSUMERS, STREAMS, SUBMIT_RECHECK, type SubmitRequest } from '@logline/contracts';
import {
  answer,
  Coalescer,
  type LedgerLines,
  type Log as Logger,
  Publisher,
  publishFacts,
  recreateConsumer,
} from '@logline/jetstream';
import type { JetStreamStrategy } from '@logline/jetstream/nest';
import { Leadership, type Pool } from '@logline/postgres';
import type { NatsConnection } from '@nats-io/nats-core';
import { AnchorKeeper } from '../anchor/anchor-keeper.ts';
import { anchorStore } from '../anchor/anchor.store.ts';
import type { AppendMetrics } from '../append/append-metrics.ts';
import { AppendService } from '../append/append.service.ts';
import { Memory } from '../append/memory.ts';
import { LedgerError } from '../errors.ts';
import { ReceiptHold } from '../append/receipt-hold.ts';
import { logNames } from './log-names.ts';
import { fromStored } from '../publish/fact.ts';
import { FactsLane } from '../publish/facts-lane.ts';
import { lastPublishedIn } from '../publish/last-published.ts';
import { AppendConnection } from '../storage/append-connection.ts';
import { loadPartition } from '../storage/load-logs.ts';
import { dropCosignaturesBeyond } from '../storage/drop-cosignatures.ts';
import { onPool } from '../storage/on-pool.ts';
import { pruneSpent } from '../storage/prune-spent.ts';
import { readFacts } from '../storage/read-facts.ts';
import { assembleWitnesses, type WitnessSettings } from '../witness/assemble-witnesses.ts';
import type { WitnessLane } from '../witness/witness-lane.ts';

export type PartitionParts = {
  readonly partition: number;
  /** How many the installation has. */
  readonly partitions: number;
  /** To the leaders of the others. */
  readonly lines: LedgerLines;
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
  /** Who cosigns our checkpoints; nobody when left out. */
  readonly witnessing?: WitnessSettings | undefined;
  readonly log: Logger;
};

export type Partition = {
  readonly append: AppendService;
  readonly anchor: AnchorKeeper;
  readonly lane: FactsLane;
  readonly leadership: Leadership;
  readonly witnesses: WitnessLane | undefined;
  readonly hold: ReceiptHold | undefined;
};

const PRUNE_EVERY_MS = 600_000;
/** How long a partition stands still when its leader is killed. */
const LEASE_MS = 3_000;

/** Some tenants' logs: one append loop, one facts lane, led by whoever holds the lease. */
export function assemblePartition(parts: PartitionParts): Partition {
  const {
    partition,
    partitions,
    lines,
    nc,
    strategy,
    postgresUrl,
    pool,
    signer,
    otherSigner,
    origin,
    metrics,
    log,
  } = parts;
  const consumer = CONSUMERS.ledger(partition);
  const sql = onPool(pool);
  const publisher = new Publisher(nc);
  const rechecks = new Coalescer<SubmitRequest>({
    send: (envelope) => publisher.publish(SUBMIT_RECHECK, envelope),
  });

  const lane = new FactsLane({
    partition,
    publish: async (messages) => {
      // a leader that was paused finds its lease over before it sends anything (decision 0013)
      if (!leadership.isHeld()) throw new LedgerError('NOT_LEADING', `the lease ${consumer} is over`);
      await publishFacts(nc, messages);
    },
    lastPublished: lastPublishedIn(nc, sql),
    readFacts: async ({ logId, tenant }, from, to) =>
      (await readFacts(sql, logId, from, to)).map((stored) => fromStored(stored, tenant)),
    log,
  });
  const anchor = new AnchorKeeper({
    partition,
    leaseName: consumer,
    store: anchorStore(nc),
    clock: Date.now,
  });
  const { witnessing } = parts;
  const witnesses = witnessing && assembleWitnesses(witnessing, { partition, sql, publisher, log });
  const hold =
    witnesses !== undefined && witnessing?.mode === 'fail_closed'
      ? new ReceiptHold(witnesses, (tenant) => `${origin}/${tenant}`, Date.now)
      : undefined;
  const append = new AppendService({
    partition,
    leaseName: consumer,
    anchor,
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
    partitions,
    passOn: (to, request, bodies) => lines.addTo(to, request, bodies, request.deadline_ms),
    recheck: (request, bodies) => rechecks.add(request, bodies),
    onDeposed: () => leadership.lose(),
    committed: (seals) => witnesses?.committed(seals),
    committedUnheard: () => witnesses?.refresh(),
    hold,
    metrics,
    log,
  });

  let chores: NodeJS.Timeout | undefined;
  const leadership = new Leadership({
    pool,
    name: consumer,
    ttlMs: LEASE_MS,
    begin: async (epoch) => {
      const logs = await loadPartition(sql, partition);
      lane.start(logs.map((one) => ({ log: one, size: one.size })));
      if (witnesses !== undefined) {
        await dropCosignaturesBeyond(sql, partition);
        await witnesses.start();
      }
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
      await witnesses?.stop();
      await strategy.pause(STREAMS.accept, consumer);
      await lane.stop();
    },
    log,
  });
  return { append, anchor, lane, leadership, witnesses, hold };
}
