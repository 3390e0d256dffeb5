import { STREAMS } from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';

/** What `FACTS` can have: where it begins and ends, and since when. */
export type FactsStream = {
  /** Of the oldest message it holds; one behind the last when it holds none. */
  readonly firstSequence: number;
  /** Of the newest it has ever held; 0 for none. */
  readonly lastSequence: number;
  /** When it was made: nothing older was ever in it. */
  readonly createdMs: number;
  /** After which a fact leaves it; 0 for never. */
  readonly maxAgeMs: number;
};

/** @throws JetStreamError */
export async function readFactsStream(nc: NatsConnection): Promise<FactsStream> {
  const { state, config, created } = await callApi(nc, `STREAM.INFO.${STREAMS.facts}`, undefined);
  const firstSequence = numberIn(state, 'first_seq');
  const lastSequence = numberIn(state, 'last_seq');
  const createdMs = typeof created === 'string' ? Date.parse(created) : Number.NaN;
  if (firstSequence === undefined || lastSequence === undefined || Number.isNaN(createdMs))
    throw new JetStreamError('BAD_ANSWER', 'a stream without its state');
  const maxAgeMs = (numberIn(config, 'max_age') ?? 0) / 1_000_000;
  return { firstSequence, lastSequence, createdMs, maxAgeMs };
}

function numberIn(value: unknown, key: string): number | undefined {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === 'number' ? found : undefined;
}
