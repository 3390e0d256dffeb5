import { formatBase64, formatHex } from '@logline/canon-sign';
import { type FactMessage, toWaitingFact } from '@logline/jetstream';
import { type Entry, parseWaiting } from '../domain/entry.ts';
import type { Log, Seal } from '../domain/seal.ts';
import type { StoredFact } from '../storage/read-facts.ts';

/** One entry on its way out. From a commit or read back from PostgreSQL, its message is the same, byte for byte. */
export type Fact = StoredFact & { readonly entry: Entry };

export type FactLog = Pick<Log, 'logId' | 'tenant' | 'origin'>;

/** The facts of one commit, in order; the last one carries the checkpoint. */
export function toFacts({ after, entries, checkpoint }: Seal): Fact[] {
  return entries.map(({ entry, index, leaf, signature, trace }, at) => ({
    entry,
    index,
    bytes: entry.bytes,
    leaf,
    timeMs: after.timeMs,
    signature,
    trace,
    checkpoint: at === entries.length - 1 ? checkpoint : undefined,
  }));
}

export function fromStored(stored: StoredFact, tenant: string): Fact {
  return { ...stored, entry: parseWaiting(stored.bytes, tenant) };
}

/** @param partition - that it goes out from: where the gate looks for the tenant next */
export function toMessage(fact: Fact, { tenant, origin }: FactLog, partition = 0): FactMessage {
  const { entry, bytes, index } = fact;
  return toWaitingFact(entry, bytes, { tenant, index }, () => ({
    tenant,
    log: origin,
    index,
    leaf: formatHex(fact.leaf),
    timeMs: fact.timeMs,
    receiptSignature: formatBase64(fact.signature),
    trace: fact.trace,
    partition,
    ...(fact.checkpoint === undefined ? {} : { checkpoint: fact.checkpoint }),
  }));
}
