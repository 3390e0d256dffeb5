import type { Metrics } from '@logline/service';
import type { TurnResult } from './turn.ts';

export type AppendMetrics = {
  turn(result: TurnResult): void;
  /** The anchor has followed a commit. */
  anchored(ms: number): void;
  failed(error: unknown): void;
};

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

/** What an operator sees of the append loop. */
export function appendMetrics(metrics: Metrics): AppendMetrics {
  const batch = metrics.histogram('ledger_batch_spans', 'spans decided per turn', BATCH_BUCKETS);
  const commit = metrics.histogram('ledger_commit_seconds', 'writing and committing one turn');
  const anchor = metrics.histogram('ledger_anchor_seconds', 'setting the anchor behind one commit');
  const outcomes = metrics.counter('ledger_outcomes_total', 'what became of spans', ['outcome']);
  const entries = metrics.counter('ledger_entries_total', 'entries committed by this process');
  const failures = metrics.counter('ledger_failed_turns_total', 'turns that had to be taken again', ['code']);
  return {
    turn({ answers, seals, commitMs }) {
      const decided = answers.flatMap((answer) => answer.outcomes);
      batch.observe(decided.length);
      for (const { kind } of decided) outcomes.inc({ outcome: kind });
      if (seals.length === 0) return;
      commit.observe(commitMs / 1000);
      entries.inc(
        {},
        seals.reduce((sum, seal) => sum + seal.entries.length, 0),
      );
    },
    anchored: (ms) => anchor.observe(ms / 1000),
    failed(error) {
      failures.inc({ code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' });
    },
  };
}
