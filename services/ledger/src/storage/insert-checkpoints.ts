import type { Log, Seal } from '../domain/seal.ts';
import type { Sql } from './append-connection.ts';
import { concatenate, startsOf } from './concatenate.ts';

const INSERT_CHECKPOINTS = {
  name: 'insert_checkpoints',
  text: `
INSERT INTO checkpoint (log_id, size, note, chain, chain_signature, marks)
SELECT q.log_id, q.size, q.note,
       CASE WHEN q.linked THEN substring($6::bytea FROM (q.n * 32 - 31)::int FOR 32) END,
       CASE WHEN q.linked THEN substring($7::bytea FROM (q.n * 64 - 63)::int FOR 64) END,
       CASE WHEN q.linked THEN substring($8::bytea FROM q.start FOR q.length) END
  FROM unnest($1::int[], $2::bigint[], $3::text[], $4::int[], $5::int[], $9::boolean[])
       WITH ORDINALITY AS q(log_id, size, note, start, length, linked, n)`,
};

export type CheckpointOfCommit = Pick<Seal, 'checkpoint'> & {
  readonly after: Pick<Log, 'logId' | 'size'>;
  /** Undefined in an import of commits older than the chain. */
  readonly link: Seal['link'] | undefined;
};

/** One for each log and commit: what the commit's receipts prove to, now and whenever they are asked for again; and its link. */
export async function insertCheckpoints(sql: Sql, seals: readonly CheckpointOfCommit[]): Promise<void> {
  const marks = seals.map(({ link }) => link?.marks ?? NONE);
  await sql.run(INSERT_CHECKPOINTS, [
    seals.map(({ after }) => after.logId),
    seals.map(({ after }) => after.size),
    seals.map(({ checkpoint }) => checkpoint),
    startsOf(marks),
    marks.map(({ length }) => length),
    concatenate(seals.map(({ link }) => link?.chain ?? NO_CHAIN)),
    concatenate(seals.map(({ link }) => link?.signature ?? NO_SIGNATURE)),
    concatenate(marks),
    seals.map(({ link }) => link !== undefined),
  ]);
}
const NONE = new Uint8Array(0);
const NO_CHAIN = new Uint8Array(32);
const NO_SIGNATURE = new Uint8Array(64);
