import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';

const READ_CHECKPOINT = {
  name: 'read_checkpoint',
  text: 'SELECT note FROM checkpoint WHERE log_id = $1 AND size = $2',
};

/** The signed checkpoint of a commit. @throws LedgerError `LOG_CORRUPT` when no commit ended at that size */
export async function readCheckpoint(sql: Sql, logId: number, size: number): Promise<string> {
  const [row] = (await sql.run(READ_CHECKPOINT, [logId, size])).rows;
  if (row === undefined)
    throw new LedgerError('LOG_CORRUPT', `log ${logId} has no checkpoint of its size ${size}`);
  return String(row['note']);
}
