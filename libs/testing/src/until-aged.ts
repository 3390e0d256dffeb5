import { readFactsStream } from '@logline/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { eventually } from './eventually.ts';

/** Resolves once all facts stored by now have left their stream; of a world with a `factsMaxAgeMs` of a second or two. */
export async function untilAged(nc: NatsConnection): Promise<void> {
  const { lastSequence } = await readFactsStream(nc);
  await eventually(
    async () => {
      const { firstSequence } = await readFactsStream(nc);
      if (firstSequence <= lastSequence) throw new Error(`the stream still begins at ${firstSequence}`);
    },
    { withinMs: 20_000 },
  );
}
