import { formatAckReply, MAX_ENVELOPE_BYTES, type AckReply } from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';

export type PositionedAck = AckReply['acks'][number];

/** Sends acks to a request's `reply`, in as many core messages as their receipts need. Not awaited by anyone: a lost ack loses nothing. */
export function answer(
  nc: NatsConnection,
  reply: string,
  trace: string,
  acks: readonly PositionedAck[],
): void {
  for (const group of groupBySize(acks)) nc.publish(reply, formatAckReply({ v: 1, trace, acks: [...group] }));
}

function groupBySize(acks: readonly PositionedAck[]): readonly (readonly PositionedAck[])[] {
  const groups: PositionedAck[][] = [];
  let bytes = 0;
  for (const ack of acks) {
    const size = Buffer.byteLength(JSON.stringify(ack)) + 1;
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
