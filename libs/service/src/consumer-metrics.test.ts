import { expect, it } from 'vitest';
import { addConsumerMetrics } from './consumer-metrics.ts';
import { Metrics } from './metrics.ts';

it('says of each consumer what became of its messages', () => {
  const metrics = new Metrics();
  addConsumerMetrics(metrics, () => [
    {
      stream: 'SUBMIT',
      consumer: 'gate',
      handled: 3,
      retried: 1,
      terminated: 2,
      parked: 0,
      repeated: 0,
      inFlight: 5,
    },
  ]);
  const text = metrics.format();
  expect(text).toContain('consumer_messages_total{stream="SUBMIT",consumer="gate",outcome="terminated"} 2');
  expect(text).toContain('consumer_in_flight{stream="SUBMIT",consumer="gate"} 5');
});
