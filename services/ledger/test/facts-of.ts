import { storedFactsOf } from '@logline/contracts';
import { type FollowedFact, followFacts } from '@logline/jetstream';
import { eventually, type EventuallyOptions } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';

/** All facts of a tenant that FACTS holds, in stream order, once there are as many as expected. */
export async function readFactsOf(
  nc: NatsConnection,
  tenant: string,
  count: number,
  options?: EventuallyOptions,
): Promise<readonly FollowedFact[]> {
  const facts: FollowedFact[] = [];
  const following = await followFacts(nc, {
    filter: storedFactsOf(tenant),
    fromSequence: 1,
    onFact: (fact) => void facts.push(fact),
    onFatal: (error) => console.error(error),
  });
  try {
    await eventually(() => {
      if (facts.length < count) throw new Error(`${facts.length} of ${count} facts of ${tenant}`);
    }, options);
    await following.caughtUp;
    return facts;
  } finally {
    await following.stop();
  }
}
