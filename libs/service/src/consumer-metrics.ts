import type { Metrics } from './metrics.ts';

/** What a transport tells of each of its consumers; `JetStreamStrategy.statuses()` does. */
export type ConsumerNumbers = {
  readonly stream: string;
  readonly consumer: string;
  readonly handled: number;
  readonly retried: number;
  readonly terminated: number;
  readonly parked: number;
  readonly repeated: number;
  readonly inFlight: number;
};

const OUTCOMES = ['handled', 'retried', 'terminated', 'parked', 'repeated'] as const;

/** How a service's consumers fare: messages by what became of them, and how many are in its hands. */
export function addConsumerMetrics(metrics: Metrics, read: () => readonly ConsumerNumbers[]): void {
  metrics.collect('consumer_messages_total', 'messages by what became of them', 'counter', () =>
    read().flatMap((one) =>
      OUTCOMES.map((outcome) => ({
        labels: { stream: one.stream, consumer: one.consumer, outcome },
        value: one[outcome],
      })),
    ),
  );
  metrics.collect('consumer_in_flight', 'messages delivered and not settled', 'gauge', () =>
    read().map(({ stream, consumer, inFlight }) => ({ labels: { stream, consumer }, value: inFlight })),
  );
}
