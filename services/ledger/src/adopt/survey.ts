import { lastFactOf } from '@logline/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { AnchorStore } from '../anchor/anchor.store.ts';
import { type Anchor, type AnchorDecision, decideAnchor, type Tip } from '../domain/anchor.ts';
import type { Sql } from '../storage/append-connection.ts';
import { loadPartition, type StoredLog } from '../storage/load-logs.ts';
import { loadTip } from '../storage/load-tip.ts';

/** What an adoption would take as the truth, and what speaks against it. */
export type Survey = {
  readonly partition: number;
  readonly tip: Tip;
  readonly anchor: Anchor | undefined;
  readonly sequence: number;
  readonly epoch: number;
  readonly logs: readonly StoredLog[];
  readonly decision: AnchorDecision;
  /** Facts that were published, and so seen by readers, and are not in the log. */
  readonly unknownFacts: readonly { readonly tenant: string; readonly from: number; readonly to: number }[];
};

export async function survey(
  sql: Sql,
  nc: NatsConnection,
  store: AnchorStore,
  partition: number,
  leaseName: string,
): Promise<Survey> {
  const { anchor, sequence } = await store.read(partition);
  const { tip, isEmpty, epoch } = await loadTip(sql, partition, leaseName);
  const logs = await loadPartition(sql, partition);
  const unknownFacts: { tenant: string; from: number; to: number }[] = [];
  for (const { tenant, size } of logs) {
    const last = await lastFactOf(nc, tenant);
    if (last !== null && last.index >= size) unknownFacts.push({ tenant, from: size, to: last.index });
  }
  // as the next leader would ask, whose epoch is not begun yet
  const decision = decideAnchor({ tip, isEmpty, epoch: epoch + 1, hasSet: false }, anchor);
  return { partition, tip, anchor, sequence, epoch, logs, decision, unknownFacts };
}
