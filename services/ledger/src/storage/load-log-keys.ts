import { LOG_KEY_WRITE } from '@logline/contracts';
import { parseEntry } from '../domain/entry.ts';
import { keysAfter, type LogKeys } from '../domain/log-keys.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';
import { bytesOf, type StoredLog } from './load-logs.ts';

const LOAD_LOG_KEYS = {
  name: 'load_log_keys',
  text: `
SELECT bytes
  FROM entry
 WHERE log_id = $1
   AND idx = coalesce((SELECT idx FROM key_write WHERE log_id = $1 AND key = $2), 0)`,
};

/**
 * The keys of a log: in its newest rotation, or else in its birth.
 * @throws LedgerError `LOG_CORRUPT` if neither is there
 */
export async function loadLogKeys(
  sql: Sql,
  { logId, tenant }: Pick<StoredLog, 'logId' | 'tenant'>,
): Promise<LogKeys> {
  const { rows } = await sql.run(LOAD_LOG_KEYS, [logId, LOG_KEY_WRITE]);
  const entry = rows[0] && parseEntry(bytesOf(rows[0]['bytes']), tenant);
  const keys = entry && keysAfter(undefined, entry);
  if (keys === undefined)
    throw new LedgerError('LOG_CORRUPT', `the log of ${tenant} names no key to sign it with`);
  return keys;
}
