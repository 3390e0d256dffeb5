/** Names of streams, durable consumers and buckets. What they are set to is owned by `libs/jetstream`; who may touch them by `permissions.ts`. */
export const STREAMS = {
  /** Client requests on their way to the gate: memory, work queue, bounded, discard new. Back-pressure, not storage. */
  submit: 'SUBMIT',
  /** What already happened, told by services and runners: file, work queue, no age. */
  report: 'REPORT',
  /** Judged wallet requests on their way to the verifier: memory, work queue. */
  verify: 'VERIFY',
  /** Judged requests on their way to the ledger: memory, work queue. */
  accept: 'ACCEPT',
  /** Facts, in log order per tenant: file, S2, deny delete, aged after 30 days, republished to the bare subject. */
  facts: 'FACTS',
  /** Checkpoints that a quorum of witnesses has cosigned: file, the newest of each log. */
  cosigned: 'COSIGNED',
  /** What a reader of facts could not handle, with the reason. */
  parked: 'PARKED',
} as const;

export const CONSUMERS = {
  gateSubmit: 'gate',
  gateReport: 'gate-report',
  verifier: 'verifier',
  ledger: (partition: number): string => `ledger-${partition}`,
  orchestrator: (partition: number): string => `orchestrator-${partition}`,
  projector: 'projector',
  projectorCosigned: 'projector-cosigned',
  runner: (user: string): string => user,
} as const;

/** KV bucket of the gate's knowledge snapshots; rebuildable from the log. */
export const GATE_BUCKET = 'gate_knowledge';

/** KV bucket of the wallet-verifier's; the same. */
export const VERIFIER_BUCKET = 'verifier_knowledge';

/** KV bucket of the ledger's anchors, one a partition: what a database that was put back has to be held against. Not rebuildable. */
export const ANCHOR_BUCKET = 'ledger_anchors';

/** Where a tenant is looked for while nothing else is known of it. Tenants are assigned to partitions by the ledger and stored, never hashed again. */
export const FIRST_PARTITION = 0;
/** Of one installation. */
export const MOST_PARTITIONS = 256;

export function isPartition(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < MOST_PARTITIONS;
}
