import {
  ANCHOR_BUCKET,
  CONSUMERS,
  FIRST_PARTITION,
  GATE_BUCKET,
  STREAMS,
  VERIFIER_BUCKET,
} from './streams.ts';
import {
  ALL_STORED_FACTS,
  ANY_INBOX,
  inboxPrefix,
  parked,
  runnerUser,
  SUBJECT_PATTERNS,
  submitReport,
  submitService,
  SUBMIT_CLIENT,
  SUBMIT_RECHECK,
  verifyPartition,
} from './subjects.ts';

/** Every process has its own NATS user; what it may do is derived here and nowhere else. */
export const NATS_USERS = [
  'migrator',
  'gateway',
  'tdln-gate',
  'wallet-verifier',
  'ledger',
  'deploy-orchestrator',
  'projector',
] as const;
export type NatsUser = (typeof NATS_USERS)[number];

export type NatsPermissions = {
  readonly publish: { readonly allow: readonly string[]; readonly deny?: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
};

/** Pull from and settle on one durable consumer; `create` also lets the user delete and recreate it, with exactly this filter. */
function consume(stream: string, consumer: string, create?: { readonly filter: string }): string[] {
  return [
    `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    // both forms of the ack subject: which one a server emits depends on its version
    `$JS.ACK.${stream}.${consumer}.>`,
    `$JS.ACK.*.*.${stream}.${consumer}.>`,
    ...(create === undefined
      ? []
      : [
          `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${create.filter}`,
          `$JS.API.CONSUMER.DELETE.${stream}.${consumer}`,
        ]),
  ];
}

/** Where the stream begins: what a reader can no longer find there. */
const SEE_FACTS = `$JS.API.STREAM.INFO.${STREAMS.facts}`;

/** Read the logs by consumers of its own, which the server forgets when nobody asks for them any more; nothing is acknowledged. */
function followFacts(): string[] {
  return [
    SEE_FACTS,
    `$JS.API.CONSUMER.CREATE.${STREAMS.facts}.>`,
    `$JS.API.CONSUMER.DELETE.${STREAMS.facts}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${STREAMS.facts}.>`,
  ];
}

/** Snapshots of what is known, in a bucket of one's own. */
function keepSnapshots(bucket: string): string[] {
  return [`$KV.${bucket}.>`, `$JS.API.STREAM.INFO.KV_${bucket}`, `$JS.API.DIRECT.GET.KV_${bucket}.>`];
}

const own = (user: string): { readonly allow: readonly string[] } => ({ allow: [`${inboxPrefix(user)}.>`] });

export function permissionsOf(user: NatsUser): NatsPermissions {
  const subscribe = own(user);
  switch (user) {
    case 'migrator':
      return { publish: { allow: ['$JS.API.>', '$JS.FC.>'] }, subscribe };
    case 'gateway':
      return { publish: { allow: [SUBMIT_CLIENT] }, subscribe };
    case 'tdln-gate':
      return {
        publish: {
          allow: [
            verifyPartition(FIRST_PARTITION),
            SUBJECT_PATTERNS.toAccept,
            ANY_INBOX,
            ...consume(STREAMS.submit, CONSUMERS.gateSubmit),
            ...consume(STREAMS.report, CONSUMERS.gateReport),
            ...followFacts(),
            ...keepSnapshots(GATE_BUCKET),
          ],
        },
        subscribe,
      };
    case 'wallet-verifier':
      return {
        publish: {
          allow: [
            SUBJECT_PATTERNS.toAccept,
            ANY_INBOX,
            ...consume(STREAMS.verify, CONSUMERS.verifier),
            ...followFacts(),
            ...keepSnapshots(VERIFIER_BUCKET),
          ],
        },
        subscribe,
      };
    case 'ledger':
      return {
        publish: {
          allow: [
            SUBJECT_PATTERNS.facts,
            SUBJECT_PATTERNS.cosigned,
            SUBMIT_RECHECK,
            ANY_INBOX,
            `$JS.API.STREAM.MSG.GET.${STREAMS.facts}`,
            SEE_FACTS,
            SUBJECT_PATTERNS.anchors,
            `$JS.API.STREAM.MSG.GET.KV_${ANCHOR_BUCKET}`,
            // to the leader of another partition, where the tenant is
            SUBJECT_PATTERNS.toAccept,
            // any of its partitions, of which there may be more tomorrow; nobody else consumes that stream
            ...consume(STREAMS.accept, '*', { filter: SUBJECT_PATTERNS.toAccept }),
          ],
        },
        subscribe,
      };
    case 'deploy-orchestrator':
      return {
        publish: {
          allow: [
            submitService('deploy-orchestrator'),
            parked(CONSUMERS.orchestrator(FIRST_PARTITION), '>'),
            SEE_FACTS,
            ...consume(STREAMS.facts, CONSUMERS.orchestrator(FIRST_PARTITION), { filter: ALL_STORED_FACTS }),
          ],
        },
        subscribe,
      };
    case 'projector':
      return {
        publish: {
          allow: [
            parked(CONSUMERS.projector, '>'),
            SEE_FACTS,
            ...consume(STREAMS.facts, CONSUMERS.projector, { filter: ALL_STORED_FACTS }),
            ...consume(STREAMS.cosigned, CONSUMERS.projectorCosigned, { filter: SUBJECT_PATTERNS.cosigned }),
          ],
        },
        subscribe,
      };
  }
}

/**
 * A runner reports as itself, and reads the facts of its own tenant and of nobody else. Its durable is made for it by the
 * migrator, for whoever may create a consumer may also have the server deliver to any subject. It may rewind its own.
 */
export function runnerPermissions(tenant: string, runner: string): NatsPermissions {
  const user = runnerUser(tenant, runner);
  const consumer = CONSUMERS.runner(user);
  return {
    publish: {
      allow: [
        submitReport(tenant, runner),
        ...consume(STREAMS.facts, consumer),
        `$JS.API.CONSUMER.RESET.${STREAMS.facts}.${consumer}`,
      ],
    },
    subscribe: own(user),
  };
}
