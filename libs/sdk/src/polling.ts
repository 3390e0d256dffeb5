import { canonicalBytes } from '@logline/canon-sign';
import type { QueryRequest, QueryResponse } from '@logline/contracts';
import type { StreamedSpan } from './event-stream.ts';
import { pause } from './pause.ts';

const EVERY_MS = 1000;
/** No span is from then or later, so the answer is the cursor of the end. */
const NEVER = '9999-12-31T23:59:59.999Z';

/** The same as a stream where connections are not kept open: asks again behind the last cursor. Ends when the signal aborts. */
export async function* pollSpans(
  query: (request: QueryRequest, signal: AbortSignal) => Promise<QueryResponse>,
  from: QueryRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamedSpan> {
  const isFromNow = from.since === undefined && from.cursor === undefined;
  let { cursor } = isFromNow ? await query({ ...from, since: NEVER, limit: 1 }, signal) : from;
  while (!signal.aborted) {
    const { since: _since, ...rest } = from;
    const page = await query(cursor === undefined ? from : { ...rest, cursor }, signal);
    // a span has no cursor of its own here: within a page, the one before it is what resumes without a gap
    for (const [i, span] of page.items.entries()) {
      const isLast = i === page.items.length - 1;
      yield { span, bytes: canonicalBytes(span), cursor: (isLast ? page.cursor : cursor) ?? '' };
    }
    cursor = page.cursor ?? cursor;
    if (!page.has_more) await pause(EVERY_MS, signal);
  }
}
