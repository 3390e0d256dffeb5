import type { Seal } from '../domain/seal.ts';
import type { Sql } from './append-connection.ts';

const INSERT_CHECKPOINTS = {
  name: 'insert_checkpoints',
  text: `INSERT INTO checkpoint (log_id, size, note) SELECT * FROM unnest($1::int[], $2::bigint[], $3::text[])`,
};

/** One for each log and commit: what the commit's receipts prove to, now and whenever they are asked for again. */
export async function insertCheckpoints(sql: Sql, seals: readonly Seal[]): Promise<void> {
  await sql.run(INSERT_CHECKPOINTS, [
    seals.map(({ after }) => after.logId),
    seals.map(({ after }) => after.size),
    seals.map(({ checkpoint }) => checkpoint),
  ]);
}
