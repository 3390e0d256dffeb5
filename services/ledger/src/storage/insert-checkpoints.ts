import type { Seal } from '../domain/seal.ts';
import type { Sql } from './append-connection.ts';
import { concatenate, startsOf } from './concatenate.ts';

const INSERT_CHECKPOINTS = {
  name: 'insert_checkpoints',
  text: `
INSERT INTO checkpoint (log_id, size, note, chain, chain_signature, marks)
SELECT q.log_id, q.size, q.note,
       substring($6::bytea FROM (q.n * 32 - 31)::int FOR 32),
       substring($7::bytea FROM (q.n * 64 - 63)::int FOR 64),
       substring($8::bytea FROM q.start FOR q.length)
  FROM unnest($1::int[], $2::bigint[], $3::text[], $4::int[], $5::int[]) WITH ORDINALITY AS q(log_id, size, note, start, length, n)`,
};

/** One for each log and commit: what the commit's receipts prove to, now and whenever they are asked for again; and its link. */
export async function insertCheckpoints(sql: Sql, seals: readonly Seal[]): Promise<void> {
  const marks = seals.map(({ link }) => link.marks);
  await sql.run(INSERT_CHECKPOINTS, [
    seals.map(({ after }) => after.logId),
    seals.map(({ after }) => after.size),
    seals.map(({ checkpoint }) => checkpoint),
    startsOf(marks),
    marks.map(({ length }) => length),
    concatenate(seals.map(({ link }) => link.chain)),
    concatenate(seals.map(({ link }) => link.signature)),
    concatenate(marks),
  ]);
}
