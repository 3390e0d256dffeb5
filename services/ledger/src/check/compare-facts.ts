import type { StoredFactMessage } from '@logline/jetstream';
import { type Fact, type FactLog, toMessage } from '../publish/fact.ts';
import { UNIT_FACTS } from '../publish/fill-facts.ts';
import type { Fault } from './fault.ts';

export type FactsParts = {
  /** The first stored fact of the tenant at or behind a sequence of the stream; null when there is none. */
  readonly nextFact: (tenant: string, fromSequence: number) => Promise<StoredFactMessage | null>;
  /** Committed entries in `[from, to)` that exist, as of now: a fact is never published before its commit. */
  readonly readFacts: (log: FactLog, from: number, to: number) => Promise<readonly Fact[]>;
};

/**
 * The first index at which the stream holds something else than the log would publish, or holds it out of order. Old ones may have aged away, and the
 * newest may not be there yet.
 */
export async function compareFacts(
  log: FactLog,
  { nextFact, readFacts }: FactsParts,
): Promise<Fault | undefined> {
  let expected: number | undefined;
  let page: readonly Fact[] = [];
  for (
    let stored = await nextFact(log.tenant, 1);
    stored !== null;
    stored = await nextFact(log.tenant, stored.sequence + 1)
  ) {
    const index: number = expected ?? stored.place.index;
    const wrong = (why: string): Fault => ({ index, column: 'FACTS', why });
    if (stored.place.index !== index) return wrong(`index ${stored.place.index} stands in its place`);
    if (page.at(-1) === undefined || index > (page.at(-1)?.index ?? 0))
      page = await readFacts(log, index, index + UNIT_FACTS);
    const fact = page.find((one) => one.index === index);
    if (fact === undefined) return wrong('the log has no such entry');
    const { subject, headers, body } = toMessage(fact, log);
    if (stored.subject !== subject) return wrong('it lies under another subject');
    if (Buffer.compare(stored.body, body) !== 0) return wrong('its body is not the entry');
    const { header } = stored;
    const other = headers.find(([name, value]) => header(name) !== value);
    if (other !== undefined) return wrong(`its header ${other[0]} is not what the log says`);
    expected = index + 1;
  }
  return undefined;
}
