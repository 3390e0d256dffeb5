import {
  acceptPartition,
  ALL_STORED_FACTS,
  ANCHOR_BUCKET,
  CONSUMERS,
  FIRST_PARTITION,
  GATE_BUCKET,
  runnerUser,
  storedFactsOf,
  STREAMS,
  SUBJECT_PATTERNS,
  SUBMIT_CLIENT,
  SUBMIT_RECHECK,
  VERIFIER_BUCKET,
} from '@logline/contracts';

/** All streams and durable consumers, as the JetStream API spells them (durations in nanoseconds). Pure data; `migrate-streams.ts` applies it. */
export type StreamConfig = { readonly name: string; readonly [setting: string]: unknown };
export type ConsumerConfig = {
  readonly durable_name: string;
  readonly filter_subject: string;
  readonly ack_wait: number;
  readonly max_ack_pending: number;
  readonly [setting: string]: unknown;
};

const millis = (count: number): number => count * 1_000_000;
const seconds = (count: number): number => millis(count * 1_000);
const MIB = 1024 * 1024;

/** Requests on the way: back-pressure, not storage. What does not fit is refused at the door, never dropped later. */
const queue = (name: string, subjects: readonly string[], replicas: number): StreamConfig => ({
  name,
  subjects,
  storage: 'memory',
  retention: 'workqueue',
  discard: 'new',
  max_msgs: 10_000,
  max_bytes: 128 * MIB,
  max_age: 0,
  duplicate_window: seconds(5),
  num_replicas: replicas,
});

/** Snapshots of what a service knows of the logs: a KV bucket as the client makes it. */
const snapshots = (bucket: string, replicas: number): StreamConfig => ({
  name: `KV_${bucket}`,
  subjects: [`$KV.${bucket}.>`],
  storage: 'file',
  retention: 'limits',
  discard: 'new',
  compression: 's2',
  max_msgs_per_subject: 1,
  max_bytes: 1024 * MIB,
  allow_rollup_hdrs: true,
  deny_delete: true,
  allow_direct: true,
  max_age: 0,
  num_replicas: replicas,
});

/** How long facts stay in their stream when nothing else is said; their log stays in PostgreSQL (decision 0018). */
export const FACTS_MAX_AGE_MS = 30 * 24 * 3_600_000;
/** A fact that is sent twice in this time is stored once. */
const FACTS_ONCE_MS = 120_000;

/**
 * Every stream, and the buckets of gate, verifier and ledger.
 * @param replicas - 1 on one machine, 3 in production
 * @param factsMaxAgeMs - after which a fact leaves its stream; 0 for never
 */
export function streamConfigs(replicas: number, factsMaxAgeMs = FACTS_MAX_AGE_MS): readonly StreamConfig[] {
  return [
    // its own stream for each kind of sender: a flood of clients must not starve what already happened
    queue(STREAMS.submit, [SUBMIT_CLIENT, SUBMIT_RECHECK], replicas),
    queue(STREAMS.verify, [SUBJECT_PATTERNS.toVerify], replicas),
    queue(STREAMS.accept, [SUBJECT_PATTERNS.toAccept], replicas),
    {
      name: STREAMS.report,
      subjects: [SUBJECT_PATTERNS.ofServices, SUBJECT_PATTERNS.ofRunners],
      storage: 'file',
      retention: 'workqueue',
      discard: 'new',
      max_msgs: 1_000_000,
      max_bytes: 1024 * MIB,
      max_age: 0,
      duplicate_window: seconds(120),
      num_replicas: replicas,
    },
    {
      name: STREAMS.facts,
      subjects: [ALL_STORED_FACTS],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      compression: 's2',
      deny_delete: true,
      deny_purge: true,
      allow_atomic: true,
      allow_direct: true,
      // never a subject_transform: guards and readers would look for the subject as it was sent
      republish: {
        src: ALL_STORED_FACTS,
        dest: [1, 2, 3, 4].map((token) => `{{wildcard(${token})}}`).join('.'),
      },
      max_age: millis(factsMaxAgeMs),
      // the server takes no window that is longer than the age
      duplicate_window: millis(factsMaxAgeMs === 0 ? FACTS_ONCE_MS : Math.min(FACTS_ONCE_MS, factsMaxAgeMs)),
      num_replicas: replicas,
    },
    {
      // a note of some kB for each log; who reads late wants the newest only
      name: STREAMS.cosigned,
      subjects: [SUBJECT_PATTERNS.cosigned],
      storage: 'file',
      retention: 'limits',
      discard: 'old',
      max_msgs_per_subject: 1,
      max_bytes: 1024 * MIB,
      max_age: 0,
      duplicate_window: seconds(120),
      num_replicas: replicas,
    },
    {
      name: STREAMS.parked,
      subjects: [SUBJECT_PATTERNS.parked],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      max_msgs: 1_000_000,
      max_bytes: 1024 * MIB,
      max_age: 0,
      duplicate_window: seconds(120),
      num_replicas: replicas,
    },
    snapshots(GATE_BUCKET, replicas),
    snapshots(VERIFIER_BUCKET, replicas),
    {
      name: `KV_${ANCHOR_BUCKET}`,
      subjects: [SUBJECT_PATTERNS.anchors],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      // the anchor before it, for whoever has to find out what happened
      max_msgs_per_subject: 2,
      deny_delete: true,
      deny_purge: true,
      // never allow_direct: a follower's answer may be stale
      allow_direct: false,
      max_age: 0,
      num_replicas: replicas,
    },
  ];
}

export type DurableConsumer = { readonly stream: string; readonly config: ConsumerConfig };

const durable = (
  stream: string,
  name: string,
  filter: string,
  more: { readonly ackWaitMs: number; readonly maxAckPending: number; readonly acks?: 'each' | 'last' },
): DurableConsumer => ({
  stream,
  config: {
    durable_name: name,
    name,
    filter_subject: filter,
    ack_policy: more.acks === 'last' ? 'all' : 'explicit',
    deliver_policy: 'all',
    replay_policy: 'instant',
    // attempts are counted by the reader: a message the server gave up on would sit in a work queue for ever
    max_deliver: -1,
    ack_wait: more.ackWaitMs * 1_000_000,
    max_ack_pending: more.maxAckPending,
    max_waiting: 64,
  },
});

/** A killed gate's messages come back this soon, well within a client's patience; living handlers send heartbeats. */
const QUICK = { ackWaitMs: 3_000, maxAckPending: 1024 };
/** Leaders recreate their consumer when they take over, so nothing waits for this. */
const LED = { ackWaitMs: 30_000, maxAckPending: 1024 };
/** What is read in order and settled in order: the last of a batch is acknowledged, and with it all before. */
const LED_IN_ORDER = { ...LED, acks: 'last' } as const;

/** Of one partition of the ledger. */
export function ledgerConsumer(partition: number): DurableConsumer {
  return durable(STREAMS.accept, CONSUMERS.ledger(partition), acceptPartition(partition), LED);
}

/** Every durable consumer but the runners'. On a work queue their filters never overlap. `partitions`: of the ledger. */
export function consumerConfigs(partitions = 1): readonly DurableConsumer[] {
  return [
    durable(STREAMS.submit, CONSUMERS.gateSubmit, SUBJECT_PATTERNS.submitted, QUICK),
    durable(STREAMS.report, CONSUMERS.gateReport, SUBJECT_PATTERNS.reported, QUICK),
    durable(STREAMS.verify, CONSUMERS.verifier, SUBJECT_PATTERNS.toVerify, QUICK),
    ...Array.from({ length: partitions }, (_, partition) => ledgerConsumer(partition)),
    durable(STREAMS.facts, CONSUMERS.orchestrator(FIRST_PARTITION), ALL_STORED_FACTS, LED_IN_ORDER),
    durable(STREAMS.facts, CONSUMERS.projector, ALL_STORED_FACTS, LED_IN_ORDER),
    durable(STREAMS.cosigned, CONSUMERS.projectorCosigned, SUBJECT_PATTERNS.cosigned, LED),
  ];
}

/** Whether an acknowledgement on this durable stands for every message before it too. */
export function acksAll(stream: string, durableName: string): boolean {
  return consumerConfigs().some(
    (one) =>
      one.stream === stream && one.config.durable_name === durableName && one.config['ack_policy'] === 'all',
  );
}

/** The one reader a runner has: the facts of its tenant. */
export function runnerConsumer(tenant: string, runner: string): DurableConsumer {
  const user = runnerUser(tenant, runner);
  return durable(STREAMS.facts, CONSUMERS.runner(user), storedFactsOf(tenant), {
    ackWaitMs: 10_000,
    maxAckPending: 256,
  });
}
