import type { Metrics } from '@logline/service';
import type { Judgement } from '../domain/judge-request.ts';

export type JudgeMetrics = {
  judged(judgement: Judgement, tookMs: number): void;
  /** What was not judged at all. */
  count(outcome: 'late' | 'forged' | 'unavailable', spans: number): void;
};

/** What an operator sees of the gate. */
export function judgeMetrics(metrics: Metrics): JudgeMetrics {
  const spans = metrics.counter('gate_spans_total', 'what became of spans at the gate', ['outcome']);
  const took = metrics.histogram('gate_judge_seconds', 'judging one request');
  return {
    judged({ answered, request }, tookMs) {
      took.observe(tookMs / 1000);
      if (answered.length > 0) spans.inc({ outcome: 'answered' }, answered.length);
      const refused = request?.spans.filter((span) => span.no !== undefined).length ?? 0;
      const accepted = (request?.spans.length ?? 0) - refused;
      if (refused > 0) spans.inc({ outcome: 'refused' }, refused);
      if (accepted > 0) spans.inc({ outcome: 'accepted' }, accepted);
    },
    count(outcome, count) {
      spans.inc({ outcome }, count);
    },
  };
}
