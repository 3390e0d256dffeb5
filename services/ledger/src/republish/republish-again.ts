import type { FactMessage } from '@logline/jetstream';
import { type FactLog } from '../publish/fact.ts';
import { fillFacts, type FillParts } from '../publish/fill-facts.ts';

export type AgainParts = FillParts & {
  /** Of this run: no fact of it is taken for one that was stored before. */
  readonly run: string;
  /** How many entries of the log are committed now. */
  readonly sizeOf: (log: FactLog) => Promise<number>;
  readonly onStored: (facts: number, size: number) => void;
  readonly signal: AbortSignal;
};

/** A log that is never at rest between two looks at it grows faster than it is published. */
const MOST_ROUNDS = 1_000;

/**
 * Entries of a log once more as facts, from `from` up to the newest, behind whatever the stream holds; a ledger may go on publishing meanwhile. Readers skip
 * what they have, and leave aside what comes too early: so the end is reached when the last fact stored here was the log's newest as it was stored, since
 * then whatever is newer comes behind it, in order. False when that did not come about.
 *
 * Broken off, it leaves an older fact as the log's last in the stream. A leader that asks there where it stands goes on behind that one: readers skip that as well, and
 * nothing new is left out. Whoever still lacks facts has to be helped by another run, since the stream drops what a leader has sent within its duplicate window.
 */
export async function republishAgain(log: FactLog, from: number, parts: AgainParts): Promise<boolean> {
  const { run, publish, sizeOf, onStored, signal } = parts;
  const again: FillParts = {
    ...parts,
    publish: (messages) => publish(messages.map((message) => ofRun(message, run))),
  };
  let next = from;
  for (let round = 0; round < MOST_ROUNDS && !signal.aborted; round++) {
    const size = await sizeOf(log);
    if (round > 0 && size <= next) return true;
    await fillFacts(again, log, next, size, { signal, onStored: (facts) => onStored(facts, size) });
    next = Math.max(next, size);
  }
  return false;
}

function ofRun(message: FactMessage, run: string): FactMessage {
  return { ...message, msgId: `${message.msgId}:${run}` };
}
