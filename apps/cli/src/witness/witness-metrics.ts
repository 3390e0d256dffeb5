import type { Answered } from './witness-server.ts';

/** What an operator counts, as Prometheus reads it. Label values are ours alone: nothing a stranger sends makes a new series. */
export class WitnessMetrics {
  readonly #requests = new Map<string, number>();
  #seconds = 0;
  #forks = 0;

  answered({ route, status, ms, answer }: Answered): void {
    const labels = `{route="${route}",status="${status}"}`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#seconds += ms / 1000;
    if (answer !== undefined && 'isFork' in answer) this.#forks++;
  }

  format(): string {
    return [
      '# HELP witness_requests_total requests answered',
      '# TYPE witness_requests_total counter',
      ...[...this.#requests].map(([labels, count]) => `witness_requests_total${labels} ${count}`),
      '# HELP witness_request_seconds_total time between a request and its answer, summed up',
      '# TYPE witness_request_seconds_total counter',
      `witness_request_seconds_total ${this.#seconds}`,
      '# HELP witness_forks_total two signed trees of one size seen from one log',
      '# TYPE witness_forks_total counter',
      `witness_forks_total ${this.#forks}`,
      '',
    ].join('\n');
  }
}
