import { nuid, type NatsConnection } from '@nats-io/nats-core';
import { JetStreamError } from './errors.ts';
import { FactChain } from './fact-chain.ts';
import { request } from './link.ts';
import type { FactMessage } from './fact-message.ts';
import { parseAnswer } from './api.ts';
import { toHeaders, type HeaderPair } from './header-lines.ts';
import { parseStored, Publisher } from './publisher.ts';

/** Up to here one by one is cheaper: the server stages a small batch on disk first, which takes it 1 to 4 ms (decision 0016). */
const MOST_ONE_BY_ONE = 32;
/** Limit of the server. */
const MOST_IN_BATCH = 1000;
const MOST_BATCH_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

/** Of a connection: its chain, and the call that the next one waits for. */
type Line = { readonly chain: FactChain; last: Promise<void> };
const lines = new WeakMap<NatsConnection, Line>();

/**
 * Facts, stored in order: none before the one ahead of it is. As a chain, which costs a fifth of anything else (decision 0016); where another ledger publishes
 * at the same time, the rest of them one by one, or as atomic batches. Calls on one connection wait for each other.
 * Idempotent within the duplicate window of two minutes.
 * @throws JetStreamError `UNAVAILABLE` (a prefix may be stored): read `lastFactOf` and go on behind it; other codes of `Publisher`
 */
export function publishFacts(nc: NatsConnection, facts: readonly FactMessage[]): Promise<void> {
  const line = lines.get(nc) ?? { chain: new FactChain(nc), last: Promise.resolve() };
  lines.set(nc, line);
  const done = line.last.then(() => publishChained(nc, line.chain, facts));
  line.last = done.catch(() => undefined);
  return done;
}

async function publishChained(
  nc: NatsConnection,
  chain: FactChain,
  facts: readonly FactMessage[],
): Promise<void> {
  const stored = await chain.publish(facts);
  if (stored < facts.length) await publishApart(nc, facts.slice(stored));
}

/** With nothing to rest on but the stream's own order. What is stored already comes first, as a rule: one by one it is recognised. */
async function publishApart(nc: NatsConnection, facts: readonly FactMessage[]): Promise<void> {
  const isFew = facts.length <= MOST_ONE_BY_ONE;
  const done = await publishOneByOne(nc, facts, isFew ? 'all' : 'the first that is new');
  for (const batch of toBatches(facts.slice(done))) {
    try {
      await publishBatch(nc, batch);
    } catch (error) {
      // a batch is refused whole when one of its facts is stored already
      if (!(error instanceof JetStreamError) || error.code !== 'DUPLICATE') throw error;
      await publishOneByOne(nc, batch, 'all');
    }
  }
}

/** How many it has sent. */
async function publishOneByOne(
  nc: NatsConnection,
  facts: readonly FactMessage[],
  upTo: 'all' | 'the first that is new',
): Promise<number> {
  const publisher = new Publisher(nc);
  let done = 0;
  for (const { subject, body, headers, msgId } of facts) {
    const { isDuplicate } = await publisher.publish(subject, body, { headers: headers(), msgId });
    done++;
    if (!isDuplicate && upTo !== 'all') break;
  }
  return done;
}

/**
 * All of the messages are stored next to each other, or none (ADR-50), in raw protocol: the client hides the error codes.
 * At most 1000, all to subjects of one stream.
 * @throws JetStreamError `CONFLICT`, `DUPLICATE`, `UNAVAILABLE` …
 */
export async function publishBatch(nc: NatsConnection, batch: readonly FactMessage[]): Promise<void> {
  const id = nuid.next();
  for (const [index, { subject, body, headers, msgId }] of batch.entries()) {
    const isLast = index === batch.length - 1;
    const pairs: HeaderPair[] = [
      ...headers(),
      ['Nats-Msg-Id', msgId],
      ['Nats-Batch-Id', id],
      ['Nats-Batch-Sequence', String(index + 1)],
      ...(isLast ? [['Nats-Batch-Commit', '1'] as const] : []),
    ];
    if (index > 0 && !isLast) {
      nc.publish(subject, body, { headers: toHeaders(pairs) });
      continue;
    }
    const reply = await request(nc, subject, body, 'atomic batch', {
      timeoutMs: TIMEOUT_MS,
      headers: toHeaders(pairs),
    });
    const answer = reply.string();
    // the first answer is empty when the batch is open
    if (isLast) parseStored('commit of a batch', answer);
    else if (answer !== '') parseAnswer('start of a batch', answer);
  }
}

function toBatches(facts: readonly FactMessage[]): readonly (readonly FactMessage[])[] {
  const batches: FactMessage[][] = [];
  let bytes = 0;
  for (const fact of facts) {
    const current = batches.at(-1);
    const isFull =
      current === undefined || current.length >= MOST_IN_BATCH || bytes + fact.body.length > MOST_BATCH_BYTES;
    if (isFull) {
      batches.push([fact]);
      bytes = fact.body.length;
    } else {
      current.push(fact);
      bytes += fact.body.length;
    }
  }
  return batches;
}
