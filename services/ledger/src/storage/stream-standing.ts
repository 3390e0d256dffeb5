import type { Sql } from './append-connection.ts';

const PAGE = 2_000;
const DECLARE = (logId: number): string => `
DECLARE standing NO SCROLL CURSOR FOR
SELECT json_build_object('head', subject, 'this', this)::text AS line FROM head WHERE log_id = ${logId}
UNION ALL
SELECT json_build_object('write', key, 'index', idx)::text FROM key_write WHERE log_id = ${logId}
UNION ALL
SELECT json_build_object('idempotency', key, 'token', token, 'index', idx, 'ts_ms', ts_ms, 'hash', encode(payload_hash, 'hex'))::text
  FROM idempotency WHERE log_id = ${logId}
UNION ALL
SELECT json_build_object('nonce', nonce, 'kid', kid, 'index', idx, 'ts_ms', ts_ms, 'hash', encode(request_hash, 'hex'))::text
  FROM nonce WHERE log_id = ${logId}`;

/** What decisions about a log rest on, a JSON line a row, in no order. Inside a transaction; one at a time. @throws PostgresError */
export async function* streamStanding(sql: Sql, logId: number): AsyncGenerator<string> {
  if (!Number.isSafeInteger(logId)) throw new RangeError('a log id that is no integer');
  await sql.run({ name: '', text: DECLARE(logId) }, []);
  for (;;) {
    const { rows } = await sql.run({ name: '', text: `FETCH ${PAGE} FROM standing` }, []);
    for (const { line } of rows) yield String(line);
    if (rows.length < PAGE) break;
  }
  await sql.run({ name: '', text: 'CLOSE standing' }, []);
}
