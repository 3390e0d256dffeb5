import { joinAckReply, MAX_ENVELOPE_BYTES, type AckReply } from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';

export type PositionedAck = AckReply['acks'][number];

/** Sends acks to a request's `reply`, in as many core messages as their receipts need. Not awaited by anyone: a lost ack loses nothing. */
export function answer(
  nc: NatsConnection,
  reply: string,
  trace: string,
  acks: readonly PositionedAck[],
): void {
  const texts = acks.map((ack) => JSON.stringify(ack));
  for (const group of groupBySize(texts)) nc.publish(reply, joinAckReply(trace, group));
}

function groupBySize(acks: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let bytes = 0;
  for (const ack of acks) {
    const size = Buffer.byteLength(ack) + 1;
    const current = groups.at(-1);
    if (current === undefined || bytes + size > MAX_ENVELOPE_BYTES) {
      groups.push([ack]);
      bytes = size;
    } else {
      current.push(ack);
      bytes += size;
    }
  }
  return groups;
}
