import { MOST_PARTITIONS, STREAMS } from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import { callApi, isRecord } from './api.ts';
import { JetStreamError } from './errors.ts';
import { createConsumer, ignoreMissing } from './migrate-streams.ts';
import { consumerConfigs } from './stream-settings.ts';

export type RecreateOptions = {
  /** Stream sequence to start at; without it, behind the last message acknowledged in an unbroken line. */
  readonly fromSequence?: number;
  /** Start there or earlier: what the reader's own store says. After a store was lost it is behind what was acknowledged. */
  readonly noLaterThan?: number;
};

/**
 * Deletes a durable of ours and creates it anew: whoever held messages of it can no longer settle them, and everything unacknowledged comes
 * again, in order, from the start. A new leader does this before it pulls. Dying in between costs a full replay, which readers skip by (log, index).
 * @throws JetStreamError
 */
export async function recreateConsumer(
  nc: NatsConnection,
  stream: string,
  durable: string,
  options: RecreateOptions = {},
): Promise<void> {
  const wanted = consumerConfigs(MOST_PARTITIONS).find(
    (one) => one.stream === stream && one.config.durable_name === durable,
  );
  if (wanted === undefined)
    throw new JetStreamError('REFUSED', `no consumer ${durable} on ${stream} is known`);
  const from =
    options.fromSequence ??
    Math.min((await ackFloor(nc, stream, durable)) + 1, options.noLaterThan ?? Number.POSITIVE_INFINITY);
  await ignoreMissing(callApi(nc, `CONSUMER.DELETE.${stream}.${durable}`, undefined));
  await createConsumer(nc, {
    stream,
    // a work queue must be read from its beginning, which is the first message nobody has acknowledged
    config:
      isWorkQueue(stream) || from <= 1
        ? wanted.config
        : { ...wanted.config, deliver_policy: 'by_start_sequence', opt_start_seq: from },
  });
}

/** The durable reads again from a stream sequence, or from the beginning. nats-server ≥ 2.14. @throws JetStreamError */
export async function resetConsumer(
  nc: NatsConnection,
  stream: string,
  durable: string,
  fromSequence?: number,
): Promise<void> {
  await callApi(nc, `CONSUMER.RESET.${stream}.${durable}`, { seq: fromSequence ?? 1 });
}

async function ackFloor(nc: NatsConnection, stream: string, durable: string): Promise<number> {
  try {
    const info = await callApi(nc, `CONSUMER.INFO.${stream}.${durable}`, undefined);
    const floor = isRecord(info['ack_floor']) ? info['ack_floor']['stream_seq'] : undefined;
    return typeof floor === 'number' ? floor : 0;
  } catch (error) {
    if (error instanceof JetStreamError && error.code === 'NO_STREAM') return 0;
    throw error;
  }
}

function isWorkQueue(stream: string): boolean {
  return stream !== STREAMS.facts;
}
