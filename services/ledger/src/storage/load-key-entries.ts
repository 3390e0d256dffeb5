import { utf8 } from '@logline/canon-sign';
import { LOG_KEY_WRITE } from '@logline/contracts';
import { type Entry, parseEntry } from '../domain/entry.ts';
import { LOG_ROTATED } from '../domain/log-keys.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';
import type { StoredLog } from './load-logs.ts';

// a log that was never rotated has no such write, and nothing of it is searched; nothing beyond its size, for that is hashed by no check
const LOAD_KEY_ENTRIES = {
  name: 'load_key_entries',
  text: `
SELECT idx, bytes FROM entry WHERE log_id = $1 AND idx = 0
UNION ALL
SELECT e.idx, e.bytes FROM key_write w JOIN entry e ON e.log_id = w.log_id AND e.idx > 0 AND e.idx <= w.idx
 WHERE w.log_id = $1 AND w.key = $2 AND e.idx < $3 AND position($4::bytea IN e.bytes) > 0
 ORDER BY idx`,
};

export type KeyEntry = { readonly index: number; readonly entry: Entry };

/** The birth of a log and its rotations, in log order; without what cannot be read, which is for a check to find. */
export async function loadKeyEntries(
  sql: Sql,
  { logId, tenant, size }: Pick<StoredLog, 'logId' | 'tenant' | 'size'>,
): Promise<readonly KeyEntry[]> {
  const { rows } = await sql.run(LOAD_KEY_ENTRIES, [logId, LOG_KEY_WRITE, size, ROTATED]);
  return rows.flatMap(({ idx, bytes }) => {
    const index = Number(idx);
    const entry = bytes instanceof Uint8Array ? readEntry(bytes, tenant) : undefined;
    return entry !== undefined && (index === 0 || entry.intent === LOG_ROTATED) ? [{ index, entry }] : [];
  });
}
/** As it stands in canonical bytes. */
const ROTATED = Buffer.from(utf8(`"intent":"${LOG_ROTATED}"`));

function readEntry(bytes: Uint8Array, tenant: string): Entry | undefined {
  try {
    return parseEntry(bytes, tenant);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}
