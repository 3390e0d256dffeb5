import { randomBytes } from 'node:crypto';
import type { LocalSigner } from '@logline/canon-sign';
import { POSTGRES_FAULTS, PostgresError } from '@logline/postgres';
import { ConfigError } from '@logline/service';
import { TlogError } from '@logline/tlog';
import { Memory } from '../append/memory.ts';
import { takeTurn, type TurnContext } from '../append/turn.ts';
import { nextTip, type Tip } from '../domain/anchor.ts';
import type { BatchRequest } from '../domain/batch.ts';
import { parseEntry } from '../domain/entry.ts';
import type { Outcome } from '../domain/sequence.ts';
import { LedgerError } from '../errors.ts';
import { advancePartition } from '../storage/advance-partition.ts';
import { lockLease } from '../storage/lock-lease.ts';
import { adoptionSpan } from './adoption-span.ts';
import type { Survey } from './survey.ts';

export type Adopting = Pick<TurnContext, 'connection' | 'lease' | 'signer' | 'otherSigner' | 'nameOf'> & {
  readonly operator: LocalSigner;
  /** What the adoption may take. */
  readonly withinMs: number;
};

export type Adopted = {
  /** Where the partition stands behind it, and its anchor may be set. */
  readonly tip: Tip;
  /** Logs without an entry: nothing was signed for them, and a ledger refuses them for the same reason. */
  readonly leftOut: readonly LeftOut[];
};
export type LeftOut = { readonly tenant: string; readonly why: string; readonly isKeyless: boolean };

/** Adopted together, so that no commit becomes too large. */
const MOST_LOGS = 500;

/**
 * Every log that can be signed gets its entry, by the turns that every entry is made by. The partition goes on by a commit in any case: one that has no
 * log, or damaged ones alone, counts the adoption itself, as it counts a move.
 * @throws ConfigError `BAD_KEY_FILE` when no log could be signed for want of its key; LedgerError `LEASE_LOST`, `LOG_MOVED`, `TOO_LATE`; PostgresError. Some logs may have got their entry then
 */
export async function adoptLogs(found: Survey, by: Adopting): Promise<Adopted> {
  const { partition, anchor, logs } = found;
  // never back to a position that somebody else has called another commit
  const before: Tip = { ...found.tip, position: Math.max(found.tip.position, anchor?.position ?? 0) };
  let tip = before;
  const leftOut: LeftOut[] = [];
  for (let at = 0; at < logs.length; at += MOST_LOGS) {
    const tenants = logs.slice(at, at + MOST_LOGS).map(({ tenant }) => tenant);
    const adopted = await adoptSome(tenants, tip, found, by);
    tip = adopted.tip;
    leftOut.push(...adopted.leftOut);
  }
  const [keyless] = leftOut.filter(({ isKeyless }) => isKeyless);
  if (tip === before && keyless !== undefined)
    throw new ConfigError(
      'BAD_KEY_FILE',
      `these are not the keys of this partition's logs; nothing was adopted: of ${keyless.tenant}, ${keyless.why}`,
    );
  if (tip === before) tip = await countAdoption(partition, before, by);
  return { tip, leftOut };
}

/** In one turn, or by halves when one of them cannot be taken: a damaged log is left out alone. */
async function adoptSome(
  tenants: readonly string[],
  tip: Tip,
  found: Survey,
  by: Adopting,
): Promise<Adopted> {
  try {
    return await adoptTogether(tenants, tip, found, by);
  } catch (error) {
    if (!isOfOneLog(error)) throw error;
    const [tenant, ...more] = tenants;
    if (tenant === undefined || more.length === 0)
      return { tip, leftOut: tenants.map((one) => ({ tenant: one, why: error.message, isKeyless: false })) };
    const half = Math.ceil(tenants.length / 2);
    const first = await adoptSome(tenants.slice(0, half), tip, found, by);
    const second = await adoptSome(tenants.slice(half), first.tip, found, by);
    return { tip: second.tip, leftOut: [...first.leftOut, ...second.leftOut] };
  }
}

async function adoptTogether(
  tenants: readonly string[],
  tip: Tip,
  found: Survey,
  by: Adopting,
): Promise<Adopted> {
  const requests = tenants.map((tenant) => requestOf(tenant, found, by));
  const { answers, tip: reached } = await takeTurn(requests, {
    ...by,
    partition: found.partition,
    memory: new Memory(),
    clock: Date.now,
    tip,
  });
  const leftOut = answers.flatMap(({ request: { tenant }, outcomes }) =>
    outcomes
      .filter(({ kind }) => kind !== 'appended')
      .map((outcome) => ({ tenant, why: whyNot(outcome), isKeyless: outcome.kind === 'keyless' })),
  );
  return { tip: reached ?? tip, leftOut };
}

/** A fault of the log's own, for which a ledger takes its turn apart: nothing was committed, and the others can go on. */
function isOfOneLog(error: unknown): error is Error {
  if (error instanceof LedgerError) return error.code === 'LOG_CORRUPT' || error.code === 'BAD_ENTRY';
  if (error instanceof PostgresError) return POSTGRES_FAULTS[error.code] === 'rejected';
  return error instanceof TlogError;
}

function whyNot(outcome: Outcome): string {
  return outcome.kind === 'keyless'
    ? `the log is signed by ${outcome.key}, which the ledger does not hold`
    : `its entry was not appended: ${outcome.kind}`;
}

/** Without it the database would stand where it stood, and whoever leads next would refuse it again. The epoch makes it another commit than any before. */
async function countAdoption(partition: number, before: Tip, { connection, lease }: Adopting): Promise<Tip> {
  const tip = nextTip(before, [`adopt ${partition} ${lease.epoch}\n`]);
  await connection.open();
  await connection.transaction({
    statements: () => [lockLease(connection, lease), advancePartition(connection, partition, tip)],
    meanwhile: () => undefined,
    beforeCommit: () => undefined,
  });
  return tip;
}

function requestOf(tenant: string, found: Survey, { operator, withinMs }: Adopting): BatchRequest {
  const nowMs = Date.now();
  const bytes = adoptionSpan(tenant, found, operator, nowMs, randomBytes(10));
  return {
    trace: randomBytes(16).toString('hex'),
    reply: '',
    tenant,
    language: 'en',
    caller: { kind: 'operator' },
    submitted_ms: nowMs,
    deadline_ms: nowMs + withinMs,
    attempt: 0,
    spans: [
      {
        position: 0,
        entry: parseEntry(bytes, tenant),
        verdict: undefined,
        role: 'operator',
        reads: {},
        writes: [],
      },
    ],
  };
}
