import type { Ack } from '@logline/contracts';
import type { LocalSigner } from '@logline/canon-sign';
import { type Addressee, type Proven, toConflictAck, toFactAck, toRefusalAck } from '../domain/ack.ts';
import { nextTip, type Tip } from '../domain/anchor.ts';
import type { Batch, BatchRequest } from '../domain/batch.ts';
import type { LogGrowth } from '../domain/draft.ts';
import { questionsOf } from '../domain/known.ts';
import { sealLog, type Log, type Seal, toReceipt } from '../domain/seal.ts';
import { keyAt, keysAfter, type LogKeys, type LogName } from '../domain/log-keys.ts';
import { type Outcome, sequence } from '../domain/sequence.ts';
import { LedgerError } from '../errors.ts';
import type { AppendConnection } from '../storage/append-connection.ts';
import { commitTurn } from '../storage/commit-turn.ts';
import { lastLogId } from '../storage/load-logs.ts';
import type { Memory } from './memory.ts';
import { proveEarlier } from './prove-earlier.ts';
import { emptyTiledEdge } from '@logline/tlog';

export type TurnContext = {
  readonly partition: number;
  readonly lease: { readonly name: string; readonly epoch: number };
  readonly connection: AppendConnection;
  readonly memory: Memory;
  readonly signer: LocalSigner;
  /** Of the second key while one gives way to another; `nameOf` names both. */
  readonly otherSigner?: LocalSigner | undefined;
  readonly nameOf: (tenant: string) => LogName;
  readonly clock: () => number;
  /** Where the partition stands; the anchor too. */
  readonly tip: Tip;
};

/** What a turn leaves to be said. */
export type TurnResult = {
  readonly answers: readonly Answer[];
  readonly seals: readonly Seal[];
  /** Where the partition stands behind the commit; undefined when there was nothing to commit. */
  readonly tip: Tip | undefined;
  /** 0 when there was nothing to commit. */
  readonly commitMs: number;
};
export type Answer = {
  readonly request: BatchRequest;
  readonly outcomes: readonly Outcome[];
  /** In the order of the request's spans; undefined for those that go back to the gate. */
  readonly acks: readonly (Ack | undefined)[];
};

/**
 * Looks up, decides, seals, commits: one transaction for all requests. When it resolves, what its acks promise is on disk.
 * @throws LedgerError `TOO_LATE`, `LEASE_LOST`, `LOG_MOVED`, `LOG_CORRUPT`; PostgresError. After any of them memory is as it was before
 */
export async function takeTurn(requests: readonly BatchRequest[], context: TurnContext): Promise<TurnResult> {
  const { connection, memory, partition, clock } = context;
  const batch: Batch = { nowMs: clock(), requests };
  await connection.open();
  const { known, logs } = await memory.recall(questionsOf(batch), connection, partition);
  const { outcomes, changes } = sequence(batch, known, context.nameOf);
  const earlier = await proveReplays(batch, outcomes, logs, connection);
  const newborn = changes.logs.some(({ isNew }) => isNew) ? await newLogs(changes.logs, context) : undefined;
  const seals = changes.logs.map((growth) =>
    sealWithKeys(logOf(growth.tenant, logs, newborn), growth, context),
  );

  if (seals.length === 0) {
    return { answers: toAnswers(batch, outcomes, logs, earlier), seals, tip: undefined, commitMs: 0 };
  }
  let answers: readonly Answer[] = [];
  const startMs = performance.now();
  const tip = nextTip(
    context.tip,
    seals.map(({ checkpoint }) => checkpoint),
  );
  await commitTurn(connection, {
    ...context,
    tip,
    nowMs: batch.nowMs,
    changes,
    seals,
    meanwhile: () => (answers = toAnswers(batch, outcomes, logs, proveFresh(seals), earlier)),
    beforeCommit: () => refuseIfLate(batch, outcomes, clock()),
  });
  memory.learn(changes, seals);
  return { answers, seals, tip, commitMs: performance.now() - startMs };
}

/** Signed by the key in force, and its checkpoint by the other one as well. */
function sealWithKeys(log: Log, growth: LogGrowth, { signer, otherSigner, nameOf }: TurnContext): Seal {
  const key = keyAt(log.keys, growth.timeMs);
  const { logKey, otherLogKey } = nameOf(log.tenant);
  if (key === logKey) return sealLog(log, growth, signer, otherSigner);
  if (key === otherLogKey && otherSigner !== undefined) return sealLog(log, growth, otherSigner, signer);
  throw new LedgerError('LOG_CORRUPT', `the log of ${log.tenant} would be signed by a key that is not held`); // `sequence` lets nothing through
}

/** So that nothing is committed after its client has given up; a slow disk is the usual reason. */
function refuseIfLate(batch: Batch, outcomes: readonly (readonly Outcome[])[], nowMs: number): void {
  const isLate = batch.requests.some(
    ({ deadline_ms }, at) => nowMs >= deadline_ms && outcomes[at]?.some(({ kind }) => kind === 'appended'),
  );
  if (isLate)
    throw new LedgerError('TOO_LATE', 'a deadline passed while the batch was written; it was rolled back');
}

async function newLogs(
  growths: readonly LogGrowth[],
  context: TurnContext,
): Promise<ReadonlyMap<string, Log>> {
  let logId = await lastLogId(context.connection);
  return new Map(
    growths
      .filter(({ isNew }) => isNew)
      .map(({ tenant, entries }) => [
        tenant,
        {
          logId: ++logId,
          tenant,
          origin: context.nameOf(tenant).origin,
          size: 0,
          timeMs: 0,
          tree: emptyTiledEdge(),
          keys: keysOfBirth(tenant, entries),
        },
      ]),
  );
}

function keysOfBirth(tenant: string, [birth]: LogGrowth['entries']): LogKeys {
  const keys = birth && keysAfter(undefined, birth.entry);
  if (keys === undefined)
    throw new LedgerError('LOG_CORRUPT', `the log of ${tenant} would begin without its birth`); // `sequence` lets nothing else begin it
  return keys;
}

function logOf(tenant: string, ...sources: readonly (ReadonlyMap<string, Log> | undefined)[]): Log {
  const log = sources.map((logs) => logs?.get(tenant)).find((found) => found !== undefined);
  if (log === undefined) throw new LedgerError('LOG_MOVED', `the log of ${tenant} is neither known nor new`);
  return log;
}

/** By log index; undefined for what is not in there. */
type Proofs = { get(index: number): Proven | undefined };
type ProofsByTenant = ReadonlyMap<string, Proofs>;

function proveFresh(seals: readonly Seal[]): ProofsByTenant {
  return new Map(seals.map((seal) => [seal.after.tenant, proofsOf(seal)]));
}

/** Receipts are put together when asked for: a verdict's hardly ever is. */
function proofsOf({ before, checkpoint, entries }: Seal): Proofs {
  return {
    get: (index) => {
      const sealed = entries[index - before.size];
      if (sealed === undefined) return undefined;
      const next = entries[index - before.size + 1];
      return {
        receipt: toReceipt({ ...sealed, checkpoint }),
        verdict: next?.verdictOf === index ? next.entry : undefined,
      };
    },
  };
}

/** Receipts of what was committed before this turn, where an outcome speaks of it. */
async function proveReplays(
  batch: Batch,
  outcomes: readonly (readonly Outcome[])[],
  logs: ReadonlyMap<string, Log>,
  connection: AppendConnection,
): Promise<ProofsByTenant> {
  const wanted = new Map<string, Set<number>>();
  batch.requests.forEach(({ tenant }, at) => {
    for (const outcome of outcomes[at] ?? []) {
      if (!isAboutEntry(outcome) || outcome.index >= (logs.get(tenant)?.size ?? 0)) continue;
      wanted.set(tenant, (wanted.get(tenant) ?? new Set()).add(outcome.index));
    }
  });
  const proven = new Map<string, ReadonlyMap<number, Proven>>();
  for (const [tenant, indexes] of wanted)
    proven.set(tenant, await proveEarlier(connection, logOf(tenant, logs), [...indexes]));
  return proven;
}

/** Beyond what is remembered of the log: somebody else has appended to it since, as when its tenant was moved away and came back. */
function unproven(tenant: string, index: number, logs: ReadonlyMap<string, Log>): LedgerError {
  return index >= (logs.get(tenant)?.size ?? 0)
    ? new LedgerError(
        'LOG_MOVED',
        `the log of ${tenant} has an entry ${index} that this leader does not know`,
      )
    : new LedgerError('LOG_CORRUPT', `entry ${index} of ${tenant} has no receipt`);
}

function isAboutEntry(
  outcome: Outcome,
): outcome is Extract<Outcome, { kind: 'appended' | 'replayed' | 'span_exists' | 'payload_mismatch' }> {
  return 'index' in outcome;
}

function toAnswers(
  batch: Batch,
  outcomes: readonly (readonly Outcome[])[],
  logs: ReadonlyMap<string, Log>,
  ...proofs: readonly ProofsByTenant[]
): Answer[] {
  return batch.requests.map((request, at) => {
    const settled = outcomes[at] ?? [];
    return {
      request,
      outcomes: settled,
      acks: settled.map((outcome, position) => toAck(request, position, outcome, logs, proofs)),
    };
  });
}

function toAck(
  request: BatchRequest,
  position: number,
  outcome: Outcome,
  logs: ReadonlyMap<string, Log>,
  proofs: readonly ProofsByTenant[],
): Ack | undefined {
  const span = request.spans[position];
  if (span === undefined || outcome.kind === 'stale') return undefined;
  if (outcome.kind === 'refused') return span.no;
  const to: Addressee = { this: span.entry.this, trace: request.trace, language: request.language };
  if (!isAboutEntry(outcome)) return toRefusalAck(to, outcome);
  const proven = proofs
    .map((byIndex) => byIndex.get(request.tenant)?.get(outcome.index))
    .find((found) => found !== undefined);
  if (proven === undefined) throw unproven(request.tenant, outcome.index, logs);
  switch (outcome.kind) {
    case 'appended':
    case 'replayed':
      return toFactAck(to, proven, outcome.kind === 'replayed');
    case 'span_exists':
    case 'payload_mismatch':
      return toConflictAck(to, outcome, proven.receipt);
  }
}
