import Type from 'typebox';
import { Ack } from './ack.ts';
import { Receipt } from './receipt.ts';
import { Span } from './span.ts';
import { Count, Instant, SpanId, SubjectUrn } from './lexical.ts';

/** Bodies of the gateway's routes (protocol §7, §8, §12). Paths stand here too, so that client and server share them. */
export const PATHS = {
  spans: '/v1/spans',
  query: '/v1/spans/query',
  span: '/v1/spans/:this',
  receipt: '/v1/receipts/:this',
  stream: '/v1/stream',
  streamTickets: '/v1/stream/tickets',
  stateView: '/v1/state/view',
  artifact: '/v1/artifacts/:hash',
  checkpoint: '/v1/log/:tenant/checkpoint',
  tile: '/v1/log/:tenant/tile/*',
  logKey: '/v1/log/:tenant/key',
  logRotations: '/v1/log/:tenant/rotations',
  inclusion: '/v1/log/:tenant/inclusion',
  consistency: '/v1/log/:tenant/consistency',
} as const;

export const MAX_REQUEST_SPANS = 1000;
export const MAX_QUERY_ITEMS = 1000;
/** An artifact is one sealed secret or file; larger ones go in a registry or a volume. */
export const MAX_ARTIFACT_BYTES = 16 * 1024 * 1024;

/** Intent, or a family by a final `*`: `run_state.*`. */
export const IntentPattern = Type.String({
  pattern: '^([a-z_]+\\.){1,3}([a-z_]+|\\*)$|^\\*$',
  maxLength: 64,
});

export const QueryRequest = Type.Object(
  {
    subject: SubjectUrn,
    intent: Type.Optional(IntentPattern),
    since: Type.Optional(Instant),
    cursor: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_QUERY_ITEMS })),
  },
  { additionalProperties: false, $id: 'query-request' },
);
/** Oldest first. `cursor` resumes behind the last item, here and on the stream; absent only when the log is empty. */
export const QueryResponse = Type.Object(
  { items: Type.Array(Span), cursor: Type.Optional(Type.String()), has_more: Type.Boolean() },
  { $id: 'query-response' },
);
export const SpansResponse = Type.Array(Ack, { $id: 'spans-response' });

/** One container, as its facts left it. */
export const ContainerState = Type.Object({
  /** The newest manifest applied; `deployed` is that of the run that is shown. */
  ref: Type.Optional(Type.String()),
  deployed: Type.Optional(Type.String()),
  refs: Type.Array(Type.String()),
  run_state: Type.Enum(['none', 'planned', 'pending', 'running', 'exited', 'failed']),
  deploy: Type.Optional(SpanId),
  lease: Type.Optional(Type.Integer()),
  runner: Type.Optional(Type.String()),
  provider: Type.Optional(Type.String()),
  node: Type.Optional(Type.String()),
  container: Type.Optional(Type.String()),
  exit_code: Type.Optional(Type.Integer()),
  started_at: Type.Optional(Type.String()),
  finished_at: Type.Optional(Type.String()),
  ports: Type.Optional(
    Type.Array(Type.Object({ container: Type.Integer(), host: Type.Integer(), protocol: Type.String() })),
  ),
  why: Type.Optional(Type.String()),
});
export type ContainerState = Type.Static<typeof ContainerState>;

/** `head` is the last client-signed span of the subject; `index` the last log index folded in (−1 for none). */
export const StateView = Type.Object(
  {
    subject: SubjectUrn,
    head: Type.Union([SpanId, Type.Null()]),
    index: Type.Integer({ minimum: -1 }),
    state: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'state-view' },
);
const TreeHash = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
/** A `tlog-proof` as JSON: where an entry is, and the hashes that lead from it to the root of the signed checkpoint (C2SP tlog-proof). */
export const InclusionProof = Type.Object(
  {
    origin: Type.String(),
    index: Count,
    /** Of the checkpoint's tree. */
    size: Count,
    /** Leaf hash, hex: compute it from the entry, never believe it. */
    leaf: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    hashes: Type.Array(TreeHash, { maxItems: 63 }),
    checkpoint: Type.String(),
  },
  { $id: 'inclusion-proof' },
);
/** That the tree of `to` entries begins with that of `from`. `checkpoint` is that of `to`, where one was signed at this very size. */
export const ConsistencyProof = Type.Object(
  {
    origin: Type.String(),
    from: Count,
    to: Count,
    hashes: Type.Array(TreeHash, { maxItems: 64 }),
    checkpoint: Type.Optional(Type.String()),
  },
  { $id: 'consistency-proof' },
);
/** How a log's key gave way to others, oldest first: each span as it was logged, by which the next key is known, and its receipt by the key before. */
export const LogRotations = Type.Object(
  {
    rotations: Type.Array(Type.Object({ span: Span, receipt: Receipt }, { additionalProperties: false })),
  },
  { additionalProperties: false, $id: 'log-rotations' },
);
export type LogRotations = Type.Static<typeof LogRotations>;
export type InclusionProof = Type.Static<typeof InclusionProof>;
export type ConsistencyProof = Type.Static<typeof ConsistencyProof>;
export type QueryRequest = Type.Static<typeof QueryRequest>;
export type QueryResponse = Type.Static<typeof QueryResponse>;
export type StateView = Type.Static<typeof StateView>;

/** Whether an intent is in the family a pattern names; every intent is when there is no pattern. */
export function matchesIntent(intent: string, pattern: string | undefined): boolean {
  if (pattern === undefined || pattern === '*') return true;
  return pattern.endsWith('.*') ? intent.startsWith(pattern.slice(0, -1)) : intent === pattern;
}
