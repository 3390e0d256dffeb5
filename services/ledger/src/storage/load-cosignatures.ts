import type { Sql } from './append-connection.ts';
import type { Cosigned } from './save-cosignature.ts';

const LOAD_COSIGNATURES = {
  name: 'load_cosignatures',
  text: `
SELECT c.log_id, c.witness, c.size, c.line FROM cosignature c JOIN log l ON l.log_id = c.log_id WHERE l.partition = $1`,
};

/** Of a partition's logs: by log id, by witness. */
export async function loadCosignatures(
  sql: Sql,
  partition: number,
): Promise<ReadonlyMap<number, ReadonlyMap<string, Cosigned>>> {
  const byLog = new Map<number, Map<string, Cosigned>>();
  for (const row of (await sql.run(LOAD_COSIGNATURES, [partition])).rows) {
    const logId = Number(row['log_id']);
    const ofLog = byLog.get(logId) ?? new Map<string, Cosigned>();
    ofLog.set(String(row['witness']), { size: Number(row['size']), line: String(row['line']) });
    byLog.set(logId, ofLog);
  }
  return byLog;
}
