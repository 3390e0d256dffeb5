import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/** Stuck logs that a probe names; the metric counts them all. */
const MOST_NAMED = 5;

/** Where a fact stands, as far as it counts here. */
type Place = { readonly tenant: string; readonly index: number };

/** How a reader of facts fares: how far behind, how much at once, and which logs stand still because a fact is missing. */
export class FactReaderMetrics {
  /** By tenant: the newest index that is waited for, and why. */
  readonly #stuck = new Map<string, { readonly to: number; readonly why: string }>();
  readonly #batch;
  readonly #facts;
  readonly #log: Log;
  #behind = 0;

  /** @param prefix - of the metrics' names, such as `projector` */
  constructor(prefix: string, metrics: Metrics, readiness: Readiness, log: Log) {
    this.#log = log;
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

  /** A fact is done, now or before. */
  done({ tenant, index }: Place): void {
    this.#facts.inc({ outcome: 'taken' });
    const stuck = this.#stuck.get(tenant);
    if (stuck === undefined || index < stuck.to) return;
    this.#stuck.delete(tenant);
    this.#log.info({ tenant, index }, 'the facts that were missing have come');
  }

  /** A fact could not be taken and is parked; those behind it are left aside. */
  refused({ tenant, index }: Place, why: string): void {
    this.#facts.inc({ outcome: 'refused' });
    this.#stuck.set(tenant, { to: Math.max(index, this.#stuck.get(tenant)?.to ?? 0), why });
  }

  /** So many facts are left aside: those up to `index` are missing, and come in order when they are republished. */
  lacking({ tenant, index }: Place, facts: number, why: string): void {
    this.#facts.inc({ outcome: 'early' }, facts);
    const stuck = this.#stuck.get(tenant);
    if (stuck === undefined) this.#log.error({ tenant, index }, why);
    this.#stuck.set(tenant, { to: Math.max(index, stuck?.to ?? 0), why });
  }

  #sayStuck(): string {
    if (this.#stuck.size === 0) return 'none';
    const named = [...this.#stuck.values()].slice(0, MOST_NAMED).map(({ why }) => why);
    return `${this.#stuck.size}: ${named.join(' | ')}`;
  }
}
