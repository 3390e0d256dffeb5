import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/** Stuck logs that a probe names; the metric counts them all. */
const MOST_NAMED = 5;

/** How a reader of facts fares: how far behind, how much at once, and which logs stand still because a fact is missing. */
export class FactReaderMetrics {
  readonly #stuck = new Map<string, string>();
  readonly #batch;
  readonly #facts;
  #behind = 0;

  /** @param prefix - of the metrics' names, such as `projector` */
  constructor(prefix: string, metrics: Metrics, readiness: Readiness) {
    this.#batch = metrics.histogram(`${prefix}_batch_facts`, 'facts taken at once', BATCH_BUCKETS);
    this.#facts = metrics.counter(`${prefix}_facts_total`, 'facts by what became of them', ['outcome']);
    metrics.gauge(`${prefix}_behind_facts`, 'facts the stream had beyond the last batch', () => this.#behind);
    metrics.gauge(`${prefix}_stuck_logs`, 'logs that wait for a missing fact', () => this.#stuck.size);
    readiness.state('stuck logs', () => this.#sayStuck());
  }

  /** A batch has come, and so many more wait in the stream. */
  took(count: number, behind: number): void {
    this.#batch.observe(count);
    this.#behind = behind;
  }

  /** A fact of this tenant's log is done. */
  moved(tenant: string): void {
    this.#facts.inc({ outcome: 'taken' });
    this.#stuck.delete(tenant);
  }

  /** A fact of this tenant's log could not be taken; it is parked, and those behind it will be. */
  refused(tenant: string, why: string): void {
    this.#facts.inc({ outcome: 'refused' });
    this.#stuck.set(tenant, why);
  }

  #sayStuck(): string {
    if (this.#stuck.size === 0) return 'none';
    const named = [...this.#stuck.values()].slice(0, MOST_NAMED).join(' | ');
    return `${this.#stuck.size}: ${named}`;
  }
}
