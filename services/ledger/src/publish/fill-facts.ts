import type { FactMessage } from '@logline/jetstream';
import { type Fact, type FactLog, toMessage } from './fact.ts';

/** What goes out together. */
export const UNIT_FACTS = 500;

export type FillParts = {
  /** That the facts go out from; the first where it is not said. */
  readonly partition?: number;
  /** Stores them in order, or throws; then any number of the first ones may be stored. */
  readonly publish: (messages: readonly FactMessage[]) => Promise<unknown>;
  /** Committed entries in `[from, to)`, in order, at least one. */
  readonly readFacts: (log: FactLog, from: number, to: number) => Promise<readonly Fact[]>;
};

export type FillOptions = {
  readonly signal: AbortSignal;
  /** Called with how many are stored, each time. */
  readonly onStored?: (facts: number) => void;
};

/** Publishes the entries in `[from, to)` as facts, in order and a page at a time, from what is committed. Ends early when the signal aborts. */
export async function fillFacts(
  { partition, publish, readFacts }: FillParts,
  log: FactLog,
  from: number,
  to: number,
  { signal, onStored }: FillOptions,
): Promise<void> {
  let next = from;
  while (next < to && !signal.aborted) {
    const page = await readFacts(log, next, Math.min(to, next + UNIT_FACTS));
    await publish(page.map((fact) => toMessage(fact, log, partition)));
    next += page.length;
    onStored?.(page.length);
  }
}
