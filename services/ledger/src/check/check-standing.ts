import { toSpanId } from '../storage/find-known.ts';
import type { StoredLog } from '../storage/load-logs.ts';
import { indexOfSpan, readHeads } from '../storage/read-standing.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import type { LastSpan } from './check-page.ts';
import { FaultFound } from './fault.ts';

const PAGE = 1_000;

/**
 * The heads of a log, which decisions rest on: they are its last client-signed spans.
 * @throws FaultFound
 */
export async function checkStanding(
  sql: RawSql,
  log: StoredLog,
  { spans, notClients }: { readonly spans: Iterable<LastSpan>; readonly notClients: ReadonlySet<string> },
): Promise<void> {
  const expected = new Map<string, LastSpan>();
  for (const span of spans) {
    if (notClients.has(span.kid)) continue;
    if ((expected.get(span.subject)?.index ?? -1) < span.index) expected.set(span.subject, span);
  }
  for (let behind = '', isLast = false; !isLast;) {
    const heads = await readHeads(sql, log.logId, behind, PAGE);
    for (const { subject, uuid } of heads) {
      const head = expected.get(subject);
      expected.delete(subject);
      if (head === undefined)
        throw new FaultFound({
          index: (await indexOfSpan(sql, log.logId, uuid)) ?? log.size - 1,
          column: 'head.subject',
          why: `no client has signed a span of ${subject}`,
        });
      if (head.this !== toSpanId(uuid))
        throw new FaultFound({
          index: head.index,
          column: 'head.this',
          why: `it is not the last one of ${subject}`,
        });
      behind = subject;
    }
    isLast = heads.length < PAGE;
  }
  const [missing] = [...expected.values()].sort((one, other) => one.index - other.index);
  if (missing !== undefined)
    throw new FaultFound({
      index: missing.index,
      column: 'head.subject',
      why: `the head of ${missing.subject} is missing`,
    });
}
