import { utf8 } from '@logline/canon-sign';
import { cosignedOf } from '@logline/contracts';
import type { Log as Logger, Publisher } from '@logline/jetstream';
import { readFileSync } from 'node:fs';
import type { LedgerConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from '../storage/append-connection.ts';
import { inTurn } from '../storage/in-turn.ts';
import { loadCosignatures } from '../storage/load-cosignatures.ts';
import { loadPartition } from '../storage/load-logs.ts';
import { readCheckpoint } from '../storage/read-checkpoint.ts';
import { readSizeIn } from '../storage/read-size.ts';
import { saveCosignature } from '../storage/save-cosignature.ts';
import { askWitness } from './ask-witness.ts';
import { proveGrowth } from './prove-growth.ts';
import { type WatchedLog, WitnessLane } from './witness-lane.ts';
import type { WitnessMetrics } from './witness-metrics.ts';
import { parseWitnessPolicy, type WitnessPolicy } from './witness-policy.ts';

export type WitnessSettings = {
  readonly policy: WitnessPolicy;
  readonly mode: 'fail_open' | 'fail_closed';
  readonly timeoutMs: number;
  readonly everyMs: number;
  readonly metrics: WitnessMetrics;
};

/** Undefined when no policy is configured. @throws LedgerError `BAD_POLICY` */
export function readWitnessSettings(
  { witnessPolicyFile, witnessMode, witnessTimeoutMs, witnessEveryMs }: Readonly<LedgerConfig>,
  metrics: () => WitnessMetrics,
): WitnessSettings | undefined {
  if (witnessPolicyFile === undefined) {
    if (witnessMode === 'fail_closed')
      throw new LedgerError('BAD_POLICY', 'fail_closed waits for witnesses, and no policy names any');
    return undefined;
  }
  return {
    policy: parseWitnessPolicy(readFileSync(witnessPolicyFile, 'utf8'), witnessPolicyFile),
    mode: witnessMode,
    timeoutMs: witnessTimeoutMs,
    everyMs: witnessEveryMs ?? (witnessMode === 'fail_closed' ? 0 : 1_000),
    metrics: metrics(),
  };
}

/** The witnesses of one partition's logs. */
export function assembleWitnesses(
  { policy, timeoutMs, everyMs, metrics }: WitnessSettings,
  parts: {
    readonly partition: number;
    readonly sql: Sql;
    readonly publisher: Publisher;
    readonly log: Logger;
  },
): WitnessLane {
  const { partition, publisher, log } = parts;
  const sql = inTurn(parts.sql);
  return new WitnessLane({
    policy,
    ask: askWitness,
    load: () => loadWatched(sql, partition),
    readSize: (logId) => readSizeIn(sql, partition, logId),
    readCheckpoint: (logId, size) => readCheckpoint(sql, logId, size),
    prove: (logId, from, to) => proveGrowth(sql, logId, from, to),
    save: ({ logId }, { id }, cosigned) => saveCosignature(sql, { logId, witness: id, ...cosigned }),
    publish: (tenant, note) => publisher.publish(cosignedOf(tenant), utf8(note)),
    timeoutMs,
    everyMs,
    random: Math.random,
    metrics,
    log,
  });
}

async function loadWatched(sql: Sql, partition: number): Promise<readonly WatchedLog[]> {
  const logs = await loadPartition(sql, partition);
  const cosigned = await loadCosignatures(sql, partition);
  return logs.map((log) => ({ log, size: log.size, cosigned: cosigned.get(log.logId) ?? new Map() }));
}
