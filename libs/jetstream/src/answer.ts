import {
  joinAckReply,
  MAX_ENVELOPE_BYTES,
  writeAck,
  type AckReply,
  type WrittenAck,
} from '@logline/contracts';
import type { NatsConnection } from '@nats-io/nats-core';

export type PositionedAck = AckReply['acks'][number];

/** Sends acks to a request's `reply`, in as many core messages as their receipts need. Not awaited by anyone: a lost ack loses nothing. */
export function answer(
  nc: NatsConnection,
  reply: string,
  trace: string,
  acks: readonly PositionedAck[],
): void {
  const written = acks.map(({ position, ack }) => writeAck(position, ack));
  for (const group of groupBySize(written)) nc.publish(reply, joinAckReply(trace, group));
}

function groupBySize(acks: readonly WrittenAck[]): readonly (readonly WrittenAck[])[] {
  const groups: WrittenAck[][] = [];
  let bytes = 0;
  for (const ack of acks) {
    const current = groups.at(-1);
    if (current === undefined || bytes + ack.length > MAX_ENVELOPE_BYTES) {
      groups.push([ack]);
      bytes = ack.length;
    } else {
      current.push(ack);
      bytes += ack.length;
    }
  }
  return groups;
}
