import type { Metrics } from '@logline/service';
import type { WitnessAnswer } from './ask-witness.ts';

export type WitnessMetrics = { asked(witness: string, kind: WitnessAnswer['kind']): void };

/** What an operator sees of the witnesses; their names are the policy's. */
export function witnessMetrics(metrics: Metrics): WitnessMetrics {
  const asked = metrics.counter(
    'ledger_witness_requests_total',
    'add-checkpoint requests, by what came of them',
    ['witness', 'answer'],
  );
  return { asked: (witness, answer) => asked.inc({ witness, answer }) };
}
