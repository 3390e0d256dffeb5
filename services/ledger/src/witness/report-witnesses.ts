import type { Metrics, Readiness } from '@logline/service';
import type { Partition } from '../lead/partition.ts';

/** How many quarrels are spelled out at /readyz; the log has all. */
const MOST_NAMED = 5;

/** What an operator sees at /readyz and /metrics of all partitions of the process; nothing where there are no witnesses. */
export function reportWitnesses(
  partitions: readonly Pick<Partition, 'witnesses' | 'hold'>[],
  { metrics, readiness }: { readonly metrics: Metrics; readonly readiness: Readiness },
): void {
  const lanes = partitions.flatMap(({ witnesses }) => witnesses ?? []);
  if (lanes.length === 0) return;
  const contradictions = (): readonly string[] => lanes.flatMap((lane) => lane.contradictions);
  metrics.gauge(
    'ledger_uncosigned_logs',
    'logs whose newest checkpoint no quorum of witnesses has cosigned',
    () => lanes.reduce((sum, { uncovered }) => sum + uncovered, 0),
  );
  metrics.gauge(
    'ledger_witness_contradictions',
    'witnesses that hold a log of ours to be a fork',
    () => contradictions().length,
  );
  readiness.state('witnesses', () => {
    const silent = [...new Set(lanes.flatMap((lane) => lane.silent))];
    return silent.length === 0 ? 'all answer' : `no answer from ${silent.join(', ')}`;
  });
  readiness.add('witnessed history', () => {
    const all = contradictions();
    return all.length === 0 || all.slice(0, MOST_NAMED).join('; ');
  });
  const holds = partitions.flatMap(({ hold }) => hold ?? []);
  if (holds.length === 0) return;
  const held = (): number => holds.reduce((sum, hold) => sum + hold.held, 0);
  metrics.gauge('ledger_held_requests', 'requests whose receipts wait for a quorum of witnesses', held);
  readiness.state('receipts', () =>
    held() === 0 ? 'none waits for witnesses' : `of ${held()} requests wait for witnesses`,
  );
}
