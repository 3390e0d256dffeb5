import type { Seal } from '../domain/seal.ts';
import { LedgerError } from '../errors.ts';
import type { Sql } from './append-connection.ts';
import { concatenate, startsOf } from './concatenate.ts';

const ADVANCE_LOGS = {
  name: 'advance_logs',
  text: `
UPDATE log SET size = q.size, ts_ms = q.ts_ms,
       root = substring($8::bytea FROM (q.n * 32 - 31)::int FOR 32),
       edge = substring($9::bytea FROM q.start FOR q.length)
  FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::int[])
       WITH ORDINALITY AS q(log_id, old_size, size, ts_ms, start, length, n)
 WHERE log.log_id = q.log_id AND log.size = q.old_size AND log.partition = $1`,
};

/**
 * Compare and set: each log grows from the size its new entries were numbered from.
 * @throws LedgerError `LOG_MOVED` if one does not have that size any more, or has left the partition
 */
export async function advanceLogs(sql: Sql, partition: number, seals: readonly Seal[]): Promise<void> {
  const grown = seals.filter(({ isNew }) => !isNew);
  if (grown.length === 0) return;
  const edges = grown.map(({ edge }) => edge);
  const { count } = await sql.run(ADVANCE_LOGS, [
    partition,
    grown.map(({ after }) => after.logId),
    grown.map(({ before }) => before.size),
    grown.map(({ after }) => after.size),
    grown.map(({ after }) => after.timeMs),
    startsOf(edges),
    edges.map(({ length }) => length),
    concatenate(grown.map(({ root }) => root)),
    concatenate(edges),
  ]);
  if (count !== grown.length)
    throw new LedgerError(
      'LOG_MOVED',
      `${grown.length - count} of ${grown.length} logs are not at the size this leader knows`,
    );
}
