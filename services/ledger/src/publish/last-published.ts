import { lastFactOf, readFactsStream } from '@logline/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { findLastBefore } from '../storage/find-last-before.ts';
import type { Sql } from '../storage/append-connection.ts';

/**
 * How far a tenant's facts have gone out: the index of the last one that `FACTS` holds, never stale. Where it holds none, all are taken for gone by age
 * that would have aged by now, had they gone out in time; a stream that is too young for that has never had any. −1 for none.
 *
 * So a log that was quiet for longer than facts are kept is not published anew by each leader. What it costs: a fact that a ledger left
 * unpublished, and none came back for as long, is found missing by the readers when the next one comes.
 */
export function lastPublishedIn(
  nc: NatsConnection,
  sql: Sql,
  clock: () => number = Date.now,
): (tenant: string) => Promise<number> {
  return async (tenant) => {
    const last = await lastFactOf(nc, tenant);
    if (last !== null) return last.index;
    const { createdMs, maxAgeMs } = await readFactsStream(nc);
    const oldestMs = clock() - maxAgeMs;
    if (maxAgeMs === 0 || createdMs > oldestMs) return -1;
    return await findLastBefore(sql, tenant, Math.floor(oldestMs));
  };
}
