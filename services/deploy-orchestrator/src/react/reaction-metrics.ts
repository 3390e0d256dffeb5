import type { Metrics } from '@logline/service';

/** What became of the facts this service wanted to log. */
export class ReactionMetrics {
  readonly #reactions;

  constructor(metrics: Metrics) {
    this.#reactions = metrics.counter('orchestrator_reactions_total', 'reactions by answer', [
      'intent',
      'answer',
    ]);
  }

  settled(intent: string, answer: string): void {
    this.#reactions.inc({ intent, answer });
  }
}
