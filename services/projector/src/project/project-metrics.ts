import type { Metrics, Readiness } from '@logline/service';
import type { Fact } from '../domain/fact.ts';
import type { LogGrowth } from '../domain/log-view.ts';

const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/** Stuck logs that a probe names; the metric counts them all. */
const MOST_NAMED = 5;

/** How the views fare: how far behind, how much at once, and which logs stand still because a fact is missing. */
export class ProjectMetrics {
  readonly #stuck = new Map<string, string>();
  readonly #batch;
  readonly #facts;
  #behind = 0;

  constructor(metrics: Metrics, readiness: Readiness) {
    this.#batch = metrics.histogram('projector_batch_facts', 'facts in one transaction', BATCH_BUCKETS);
    this.#facts = metrics.counter('projector_facts_total', 'facts by what became of them', ['outcome']);
    metrics.gauge('projector_behind_facts', 'facts that the stream has beyond the views', () => this.#behind);
    metrics.gauge('projector_stuck_logs', 'logs that wait for a missing fact', () => this.#stuck.size);
    readiness.state('stuck logs', () => this.#sayStuck());
  }

  took(count: number, behind: number): void {
    this.#batch.observe(count);
    this.#behind = behind;
  }

  /** `facts` were taken from the stream; some of them `refused`. */
  settled(facts: Iterable<Fact>, refused: LogGrowth['refused']): void {
    const missing = new Set(refused.map(({ fact }) => fact));
    let taken = 0;
    for (const fact of facts) {
      if (missing.has(fact)) continue;
      taken += 1;
      this.#stuck.delete(fact.place.tenant);
    }
    this.#facts.inc({ outcome: 'taken' }, taken);
    this.#facts.inc({ outcome: 'refused' }, missing.size);
    for (const { fact, error } of refused) this.#stuck.set(fact.place.tenant, error.message);
  }

  #sayStuck(): string {
    if (this.#stuck.size === 0) return 'none';
    const named = [...this.#stuck.values()].slice(0, MOST_NAMED).join(' | ');
    return `${this.#stuck.size}: ${named}`;
  }
}
