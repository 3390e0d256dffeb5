import { acceptPartition, FIRST_PARTITION, type AcceptRequest, type FactPlace } from '@logline/contracts';
import { Coalescer } from './coalescer.ts';
import type { Publisher } from './publisher.ts';

/**
 * The way to the ledger: one line of envelopes to each partition, chosen by where the tenant's last fact came from. A tenant of which nothing is known,
 * or which has moved since, goes to the wrong one, whose leader passes it on: what is known here saves a step and promises nothing.
 */
export class LedgerLines implements Pick<Coalescer<AcceptRequest>, 'add'> {
  readonly #publisher: Pick<Publisher, 'publish'>;
  readonly #lines = new Map<number, Coalescer<AcceptRequest>>();
  /** Tenants elsewhere than in the first partition. */
  readonly #partitions = new Map<string, number>();

  constructor(publisher: Pick<Publisher, 'publish'>) {
    this.#publisher = publisher;
  }

  /** To be told of every fact, in the order of its log. */
  learn({ tenant, partition = FIRST_PARTITION }: Pick<FactPlace, 'tenant' | 'partition'>): void {
    if (partition === FIRST_PARTITION) this.#partitions.delete(tenant);
    else this.#partitions.set(tenant, partition);
  }

  /** As `Coalescer.add`, towards the tenant's partition. */
  add(request: AcceptRequest, bodies: readonly Uint8Array[], deadlineMs?: number): Promise<void> {
    const partition = this.#partitions.get(request.tenant) ?? FIRST_PARTITION;
    return this.addTo(partition, request, bodies, deadlineMs);
  }

  /** To a partition that the caller knows better. */
  addTo(
    partition: number,
    request: AcceptRequest,
    bodies: readonly Uint8Array[],
    deadlineMs?: number,
  ): Promise<void> {
    return this.#line(partition).add(request, bodies, deadlineMs);
  }

  #line(partition: number): Coalescer<AcceptRequest> {
    const known = this.#lines.get(partition);
    if (known !== undefined) return known;
    const subject = acceptPartition(partition);
    const line = new Coalescer<AcceptRequest>({
      send: (envelope) => this.#publisher.publish(subject, envelope),
    });
    this.#lines.set(partition, line);
    return line;
  }
}
