import type { Metrics, Readiness } from '@logline/service';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import type { Partition } from './partition.ts';

export const PARTITIONS: unique symbol = Symbol('PARTITIONS');

/** Numbers of the partitions that a process contends for. @throws LedgerError `NOT_LEADING` for one that the installation does not have */
export function ledPartitions({
  partitions,
  leads,
}: Pick<LedgerConfig, 'partitions' | 'leads'>): readonly number[] {
  if (leads === undefined) return Array.from({ length: partitions }, (_, partition) => partition);
  const led = [...new Set(leads.split(',').map(Number))];
  const beyond = led.find((partition) => partition >= partitions);
  if (beyond !== undefined)
    throw new LedgerError(
      'NOT_LEADING',
      `there is no partition ${beyond} to lead: the installation has ${partitions}, counted from 0`,
    );
  return led;
}

/** All that one process may lead. Each has an append loop, a lane and a lease of its own; they share the process, the pool and the connection to NATS. */
export class Partitions {
  readonly #all: ReadonlyMap<number, Partition>;

  constructor(all: ReadonlyMap<number, Partition>) {
    this.#all = all;
  }

  of(partition: number): Partition {
    const found = this.#all.get(partition);
    if (found === undefined)
      throw new LedgerError('NOT_LEADING', `this process does not contend for partition ${partition}`);
    return found;
  }

  get all(): readonly Partition[] {
    return [...this.#all.values()];
  }

  start(): void {
    for (const { leadership } of this.#all.values()) leadership.start();
  }

  /** Ends what a leader does, everywhere at once, and lets others lead. */
  async release(): Promise<void> {
    await Promise.all([...this.#all.values()].map(({ leadership }) => leadership.release()));
  }

  /** What an operator sees of them. */
  show(metrics: Metrics, readiness: Readiness): void {
    const all = [...this.#all];
    const sum = (read: (partition: Partition) => number) => () =>
      all.reduce((total, [, partition]) => total + read(partition), 0);
    metrics.gauge(
      'ledger_leading',
      'partitions that this process leads',
      sum(({ leadership }) => (leadership.epoch === undefined ? 0 : 1)),
    );
    metrics.gauge(
      'ledger_waiting_envelopes',
      'envelopes that wait for a turn',
      sum(({ append }) => append.waiting),
    );
    metrics.gauge(
      'ledger_facts_backlog',
      'facts committed and not yet published',
      sum(({ lane }) => lane.backlog),
    );
    metrics.gauge(
      'ledger_refusing',
      'partitions in which the anchor keeps this leader from signing',
      sum(({ append }) => (append.refusal === undefined ? 0 : 1)),
    );
    metrics.collect(
      'ledger_anchor_position',
      'the commit an anchor stands at, where that is known',
      'gauge',
      () =>
        all.flatMap(([partition, { anchor }]) =>
          anchor.position === undefined
            ? []
            : [{ labels: { partition: String(partition) }, value: anchor.position }],
        ),
    );
    for (const [partition, { leadership }] of all)
      readiness.state(`partition ${partition}`, () =>
        leadership.epoch === undefined ? 'standby' : `leader of epoch ${leadership.epoch}`,
      );
    readiness.add('anchor', () => {
      const refusals = all.flatMap(([, { append }]) => append.refusal ?? []);
      return refusals.length === 0 || refusals.map(({ code, message }) => `${code}: ${message}`).join('; ');
    });
    readiness.add(
      'facts',
      () => all.every(([, { lane }]) => lane.isFlowing()) || 'facts wait for the stream',
    );
  }
}
