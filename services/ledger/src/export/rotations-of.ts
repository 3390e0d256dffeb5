import { formatRotations } from '@logline/tlog';
import { proveEarlier } from '../append/prove-earlier.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from '../storage/append-connection.ts';
import { loadKeyEntries } from '../storage/load-key-entries.ts';
import type { StoredLog } from '../storage/load-logs.ts';

/** What a log's `rotations` file holds: each with its receipt, oldest first; undefined where the log has gone through one key only. @throws PostgresError */
export async function formatRotationsOf(sql: Sql, log: StoredLog): Promise<string | undefined> {
  const [, ...rotations] = await loadKeyEntries(sql, log);
  if (rotations.length === 0) return undefined;
  const proven = await proveEarlier(
    sql,
    log,
    rotations.map(({ index }) => index),
  );
  return formatRotations(
    rotations.map(({ index, entry }) => {
      const receipt = proven.get(index)?.receipt;
      if (receipt === undefined)
        throw new LedgerError('LOG_CORRUPT', `entry ${index} of ${log.tenant} has no receipt`);
      return { spanBytes: entry.bytes, receipt };
    }),
  );
}
