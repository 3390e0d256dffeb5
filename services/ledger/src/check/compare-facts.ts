import type { StoredFactMessage } from '@logline/jetstream';
import { type Fact, type FactLog, toMessage } from '../publish/fact.ts';
import { UNIT_FACTS } from '../publish/fill-facts.ts';
import type { Fault } from './fault.ts';

export type FactsParts = {
  /** The first stored fact of the tenant at or behind a sequence of the stream; null when there is none. */
  readonly nextFact: (tenant: string, fromSequence: number) => Promise<StoredFactMessage | null>;
  /** The first sequence that the stream holds by now: facts age while they are read. */
  readonly firstSequence: () => Promise<number>;
  /** Committed entries in `[from, to)` that exist, as of now: a fact is never published before its commit. */
  readonly readFacts: (log: FactLog, from: number, to: number) => Promise<readonly Fact[]>;
};

/**
 * The first index at which the stream holds something else than the log would publish, or holds it out of order. Old ones may have aged away, the newest may not
 * be there yet, and where facts were republished their order begins anew; but none may come before the one ahead of it was there, nor a republish break off.
 */
export async function compareFacts(
  log: FactLog,
  { nextFact, firstSequence, readFacts }: FactsParts,
): Promise<Fault | undefined> {
  let newest: number | undefined;
  let last = -1;
  let sequence = 0;
  let page: readonly Fact[] = [];
  for (
    let stored = await nextFact(log.tenant, 1);
    stored !== null;
    stored = await nextFact(log.tenant, stored.sequence + 1)
  ) {
    const { index } = stored.place;
    const wrong = (why: string, at = index): Fault => ({ index: at, column: 'FACTS', why });
    const isBehindGap = newest !== undefined && index > newest + 1;
    if (isBehindGap && (await firstSequence()) <= sequence + 1)
      return wrong(
        `index ${index} stands in its place: it is missing, or a republish broke off before it`,
        last + 1,
      );
    if (index < (page[0]?.index ?? 0) || index > (page.at(-1)?.index ?? -1))
      page = await readFacts(log, index, index + UNIT_FACTS);
    const fact = page.find((one) => one.index === index);
    if (fact === undefined) return wrong('the log has no such entry');
    const { subject, headers, body } = toMessage(fact, log);
    if (stored.subject !== subject) return wrong('it lies under another subject');
    if (Buffer.compare(stored.body, body) !== 0) return wrong('its body is not the entry');
    const { header } = stored;
    const other = headers().find(([name, value]) => header(name) !== value);
    if (other !== undefined) return wrong(`its header ${other[0]} is not what the log says`);
    sequence = stored.sequence;
    last = index;
    newest = Math.max(index, newest ?? index);
  }
  if (newest === undefined || last === newest) return undefined;
  const why = `the facts end with index ${last}, behind ${newest}: they are being republished, or that broke off and has to be done again`;
  return { index: last + 1, column: 'FACTS', why };
}
