import { toSpanId } from '../storage/find-known.ts';
import type { StoredLog } from '../storage/load-logs.ts';
import { findImpossible, readHeads } from '../storage/read-standing.ts';
import type { RawSql } from '../storage/raw-connection.ts';
import type { LastSpan } from './check-page.ts';
import { FaultFound } from './fault.ts';

const PAGE = 1_000;

/**
 * What decisions rest on, as far as it follows from the log: the heads are the last client-signed spans; keys, nonces and writes stand for
 * entries that exist. Which keys an entry wrote, and what was hashed for a key or a nonce, the log does not say.
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
    for (const { subject, uuid, index } of heads) {
      const head = expected.get(subject);
      expected.delete(subject);
      if (head === undefined)
        throw new FaultFound({
          index: index ?? log.size - 1,
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
  const [impossible] = await findImpossible(sql, log.logId, log.size);
  if (impossible !== undefined)
    throw new FaultFound({
      index: Math.min(Math.max(impossible.index, 0), log.size - 1),
      column: impossible.table,
      why: `${JSON.stringify(impossible.what)} stands for an entry that is not there, or is older`,
    });
}
