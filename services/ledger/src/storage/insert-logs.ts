import type { Log, Seal } from '../domain/seal.ts';
import type { Sql } from './append-connection.ts';
import { concatenate, startsOf } from './concatenate.ts';

const INSERT_LOGS = {
  name: 'insert_logs',
  text: `
INSERT INTO log (log_id, tenant, partition, origin, size, ts_ms, root, edge)
SELECT q.log_id, q.tenant, $1, q.origin, q.size, q.ts_ms,
       substring($9::bytea FROM (q.n * 32 - 31)::int FOR 32),
       substring($10::bytea FROM q.start FOR q.length)
  FROM unnest($2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::int[], $8::int[])
       WITH ORDINALITY AS q(log_id, tenant, origin, size, ts_ms, start, length, n)`,
};

export type LogOfCommit = Pick<Seal, 'isNew' | 'root' | 'edge'> & {
  readonly after: Omit<Log, 'tree' | 'link' | 'keys'>;
};

/** Logs born in a commit, in their partition. Ids are given by the leader, not by a sequence. */
export async function insertLogs(sql: Sql, partition: number, seals: readonly LogOfCommit[]): Promise<void> {
  const born = seals.filter(({ isNew }) => isNew);
  if (born.length === 0) return;
  const edges = born.map(({ edge }) => edge);
  await sql.run(INSERT_LOGS, [
    partition,
    born.map(({ after }) => after.logId),
    born.map(({ after }) => after.tenant),
    born.map(({ after }) => after.origin),
    born.map(({ after }) => after.size),
    born.map(({ after }) => after.timeMs),
    startsOf(edges),
    edges.map(({ length }) => length),
    concatenate(born.map(({ root }) => root)),
    concatenate(edges),
  ]);
}
