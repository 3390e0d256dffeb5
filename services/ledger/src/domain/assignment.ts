import { blake3Digest, utf8 } from '@logline/canon-sign';
import { FIRST_PARTITION } from '@logline/contracts';

/** Which partition a leader takes a request for, who asks where the tenant's log is and finds none there. */
export type Whereabouts = {
  /** Of the leader that was asked. */
  readonly partition: number;
  /** Of the installation. */
  readonly partitions: number;
  /** Where the tenant's log is stored; undefined when it has none. */
  readonly stored: number | undefined;
};

/**
 * Where a request belongs. Of a tenant with a log: where that is, always. Of one without: the first partition's leader spreads them evenly, and every other
 * one takes what it is sent, so that nothing is sent in circles while two ledgers count partitions differently. What is decided here is stored with the birth and never
 * asked again.
 */
export function belongsTo(tenant: string, { partition, partitions, stored }: Whereabouts): number {
  if (stored !== undefined) return stored;
  if (partition !== FIRST_PARTITION) return partition;
  const [a = 0, b = 0, c = 0, d = 0] = blake3Digest(utf8(tenant));
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % partitions;
}
