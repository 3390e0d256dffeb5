import { parked } from '@logline/contracts';
import type { JetStreamContext } from './context.ts';
import type { HeaderPair } from './header-lines.ts';
import type { Publisher } from './publisher.ts';

export const PARKED_HEADERS = {
  reason: 'Logline-Parked-Reason',
  stream: 'Logline-Parked-Stream',
  sequence: 'Logline-Parked-Sequence',
  consumer: 'Logline-Parked-Consumer',
  deliveries: 'Logline-Parked-Deliveries',
} as const;

/**
 * A copy of the message, with the reason, in `PARKED`; replayable, since bytes and headers are the original ones. Idempotent for two minutes.
 * @throws JetStreamError
 */
export async function park(
  publisher: Publisher,
  consumer: string,
  message: JetStreamContext,
  reason: string,
): Promise<void> {
  const headers: HeaderPair[] = [
    // what only the original publish meant must not steer this one
    ...message.headerPairs.filter(([name]) => !name.startsWith('Nats-')),
    [PARKED_HEADERS.reason, reason.replaceAll(/[\r\n]+/g, ' ')],
    [PARKED_HEADERS.stream, message.stream],
    [PARKED_HEADERS.sequence, String(message.sequence)],
    [PARKED_HEADERS.consumer, consumer],
    [PARKED_HEADERS.deliveries, String(message.deliveryCount)],
  ];
  await publisher.publish(parked(consumer, message.subject), message.bytes, {
    headers,
    msgId: `parked:${consumer}:${message.sequence}`,
  });
}
