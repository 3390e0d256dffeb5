/** A value with its labels, in the order in which the metric declares them. */
export type Labels = Readonly<Record<string, string>>;
export type Sample = { readonly labels: Labels; readonly value: number };

export type Counter = { inc(labels?: Labels, by?: number): void };
export type Histogram = { observe(value: number, labels?: Labels): void };

/** Label values come from closed sets; should one not, the metric stops growing here and counts what it left out under `other`. */
const MOST_SERIES = 200;

/** Seconds, from half a millisecond to ten. */
export const LATENCY_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

type Metric = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly lines: (name: string) => readonly string[];
};

/** The numbers of one process, in Prometheus text format. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** Only grows. */
  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const series = new Series<{ value: number }>(labelNames, () => ({ value: 0 }));
    this.#add(name, {
      type: 'counter',
      help,
      lines: () => series.entries().map(([labels, { value }]) => `${name}${labels} ${value}`),
    });
    return {
      inc: (labels = {}, by = 1) => {
        series.at(labels).value += by;
      },
    };
  }

  /** Read when asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.collect(name, help, 'gauge', () => [{ labels: {}, value: read() }]);
  }

  /** Several series at once, read when asked for. */
  collect(name: string, help: string, type: 'counter' | 'gauge', read: () => readonly Sample[]): void {
    this.#add(name, {
      type,
      help,
      lines: () =>
        read()
          .slice(0, MOST_SERIES)
          .map(({ labels, value }) => `${name}${formatLabels(Object.entries(labels))} ${value}`),
    });
  }

  histogram(
    name: string,
    help: string,
    buckets: readonly number[] = LATENCY_BUCKETS,
    labelNames: readonly string[] = [],
  ): Histogram {
    const series = new Series(labelNames, () => ({ counts: buckets.map(() => 0), sum: 0, count: 0 }));
    this.#add(name, {
      type: 'histogram',
      help,
      lines: () =>
        series
          .all()
          .flatMap(([pairs, { counts, sum, count }]) => [
            ...buckets.map(
              (bound, index) =>
                `${name}_bucket${formatLabels([...pairs, ['le', String(bound)]])} ${counts[index] ?? 0}`,
            ),
            `${name}_bucket${formatLabels([...pairs, ['le', '+Inf']])} ${count}`,
            `${name}_sum${formatLabels(pairs)} ${sum}`,
            `${name}_count${formatLabels(pairs)} ${count}`,
          ]),
    });
    return {
      observe: (value, labels = {}) => {
        const one = series.at(labels);
        one.sum += value;
        one.count++;
        buckets.forEach((bound, index) => {
          if (value <= bound) one.counts[index] = (one.counts[index] ?? 0) + 1;
        });
      },
    };
  }

  /** Exposition format 0.0.4. A metric that cannot be read is left out. */
  format(): string {
    const lines = [...this.#metrics].flatMap(([name, { type, help, lines: read }]) => {
      try {
        return [`# HELP ${name} ${escape(help)}`, `# TYPE ${name} ${type}`, ...read(name)];
      } catch {
        return [];
      }
    });
    return `${lines.join('\n')}\n`;
  }

  #add(name: string, metric: Metric): void {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new TypeError(`not a metric's name: ${name}`);
    if (this.#metrics.has(name)) throw new TypeError(`the metric ${name} exists already`);
    this.#metrics.set(name, metric);
  }
}

/** One value for each combination of labels, up to a bound. */
class Series<V> {
  readonly #names: readonly string[];
  readonly #make: () => V;
  readonly #values = new Map<
    string,
    { readonly pairs: readonly (readonly [string, string])[]; readonly value: V }
  >();

  constructor(names: readonly string[], make: () => V) {
    this.#names = names;
    this.#make = make;
    // a metric without labels is there from the start, as 0
    if (names.length === 0) this.at({});
  }

  at(labels: Labels): V {
    const isFull = this.#values.size >= MOST_SERIES;
    const pairs = this.#names.map((name) => [name, labels[name] ?? ''] as const);
    const found = this.#values.get(formatLabels(pairs));
    if (found !== undefined) return found.value;
    const kept = isFull ? this.#names.map((name) => [name, 'other'] as const) : pairs;
    const key = formatLabels(kept);
    const other = this.#values.get(key);
    if (other !== undefined) return other.value;
    const value = this.#make();
    this.#values.set(key, { pairs: kept, value });
    return value;
  }

  entries(): readonly (readonly [string, V])[] {
    return [...this.#values].map(([key, { value }]) => [key, value] as const);
  }

  all(): readonly (readonly [readonly (readonly [string, string])[], V])[] {
    return [...this.#values.values()].map(({ pairs, value }) => [pairs, value] as const);
  }
}

function formatLabels(pairs: readonly (readonly [string, string])[]): string {
  return pairs.length === 0
    ? ''
    : `{${pairs.map(([name, value]) => `${name}="${escape(value).replaceAll('"', '\\"')}"`).join(',')}}`;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
