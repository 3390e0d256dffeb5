import type { NatsConnection } from '@nats-io/nats-core';
import { readFactsStream } from './facts-stream.ts';
import type { Log } from './log.ts';

/**
 * Says so when a reader is about to go on at a position of `FACTS` that has aged: whose facts were between, and whether it has them, nothing
 * tells before the next fact of each log comes.
 * @throws JetStreamError
 */
export async function warnOfAged(nc: NatsConnection, fromSequence: number, log: Log): Promise<void> {
  const { firstSequence } = await readFactsStream(nc);
  if (firstSequence <= fromSequence) return;
  log.warn(
    { fromSequence, firstSequence },
    'facts have aged that were not read yet: `logline ledger republish --again` brings all logs back, with --tenant that of one',
  );
}
