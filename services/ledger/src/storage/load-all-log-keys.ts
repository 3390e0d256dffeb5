import { LOG_KEY_WRITE } from '@logline/contracts';
import { parseEntry } from '../domain/entry.ts';
import { keysAfter, type LogKeys } from '../domain/log-keys.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';
import { bytesOf } from './load-logs.ts';

const LOAD_ALL_LOG_KEYS = {
  name: 'load_all_log_keys',
  text: `
SELECT log.tenant, log.origin, entry.bytes
  FROM log
  LEFT JOIN key_write w ON w.log_id = log.log_id AND w.key = $1
  JOIN entry ON entry.log_id = log.log_id AND entry.idx = coalesce(w.idx, 0)
 WHERE log.tenant = coalesce($2, log.tenant)
 ORDER BY log.tenant`,
};

export type KeyedLog = { readonly tenant: string; readonly origin: string; readonly keys: LogKeys };

/**
 * The keys of each log, or of the one of a tenant, as `loadLogKeys` reads those of one; by tenant.
 * @throws LedgerError `LOG_CORRUPT` if an entry that should name them does not
 */
export async function loadAllLogKeys(sql: Sql, tenant?: string): Promise<readonly KeyedLog[]> {
  const { rows } = await sql.run(LOAD_ALL_LOG_KEYS, [LOG_KEY_WRITE, tenant ?? null]);
  return rows.map((row) => {
    const log = { tenant: String(row['tenant']), origin: String(row['origin']) };
    const keys = keysAfter(undefined, parseEntry(bytesOf(row['bytes']), log.tenant));
    if (keys === undefined)
      throw new LedgerError('LOG_CORRUPT', `the log of ${log.tenant} names no key to sign it with`);
    return { ...log, keys };
  });
}
