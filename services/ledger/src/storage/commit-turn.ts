import { parseHex } from '@logline/canon-sign';
import type { Tip } from '../domain/anchor.ts';
import type { Changes, SpentBy } from '../domain/draft.ts';
import type { Seal } from '../domain/seal.ts';
import { advanceLogs } from './advance-logs.ts';
import { advancePartition } from './advance-partition.ts';
import type { AppendConnection } from './append-connection.ts';
import { insertCheckpoints } from './insert-checkpoints.ts';
import { insertEntries } from './insert-entries.ts';
import { insertIdempotency, type Spending } from './insert-idempotency.ts';
import { insertLogs } from './insert-logs.ts';
import { insertNonces } from './insert-nonces.ts';
import { insertTiles } from './insert-tiles.ts';
import { lockLease } from './lock-lease.ts';
import { saveHeads } from './save-heads.ts';
import { saveWrites } from './save-writes.ts';

export type Turn = {
  readonly partition: number;
  readonly lease: { readonly name: string; readonly epoch: number };
  readonly nowMs: number;
  readonly changes: Changes;
  /** One for each of `changes.logs`. */
  readonly seals: readonly Seal[];
  /** Where the partition stands behind it. */
  readonly tip: Tip;
  /** Runs while PostgreSQL is busy with the statements; throwing rolls back. */
  readonly meanwhile: () => void;
  /** Called when everything is written and nothing is committed; throwing rolls back. */
  readonly beforeCommit: () => void;
};

/**
 * All that a turn has decided, in one transaction of the epoch: entries, full tiles, checkpoints, key writes, heads, spent keys and nonces, the
 * logs' new sizes, and how far the partition has come. The statements are on their way when this returns; nothing is promised before it resolves.
 * @throws LedgerError `LEASE_LOST`, `LOG_MOVED`; PostgresError, of which only `COMMIT_UNKNOWN` leaves open whether it happened
 */
export function commitTurn(connection: AppendConnection, turn: Turn): Promise<void> {
  const { partition, lease, nowMs, changes, seals, tip, meanwhile, beforeCommit } = turn;
  const logIds = new Map(seals.map(({ after }) => [after.tenant, after.logId]));
  const withLogId = <T extends { tenant: string }>(items: Iterable<T>) =>
    [...items].map((item) => ({ ...item, logId: logIds.get(item.tenant) ?? 0 }));
  const spent = (items: Iterable<SpentBy>) =>
    withLogId(items).map(({ logId, owner, name, hash, index }): Spending => ({
      logId,
      owner,
      name,
      index,
      digest: digestOf(hash),
    }));
  return connection.transaction({
    statements: () => [
      lockLease(connection, lease),
      advancePartition(connection, partition, tip),
      insertLogs(connection, partition, seals),
      advanceLogs(connection, partition, seals),
      insertEntries(connection, seals),
      insertTiles(connection, seals),
      insertCheckpoints(connection, seals),
      saveWrites(connection, withLogId(changes.writes.values())),
      saveHeads(connection, withLogId(changes.heads.values())),
      insertIdempotency(connection, nowMs, spent(changes.idempotency.values())),
      insertNonces(connection, nowMs, spent(changes.nonces.values())),
    ],
    meanwhile,
    beforeCommit,
  });
}

function digestOf(hash: string): Uint8Array {
  return parseHex(hash.slice('blake3:'.length), 32);
}
