import type { Sql } from './append-connection.ts';

const DROP_COSIGNATURES_BEYOND = {
  name: 'drop_cosignatures_beyond',
  text: `
DELETE FROM cosignature c USING log l
 WHERE l.log_id = c.log_id AND l.partition = $1 AND c.size > l.size`,
};

/**
 * Those of checkpoints that a partition's logs do not have: of a history that was lost, kept by a ledger that ran while its database was put back.
 * Left there, one would stand for a quorum under another history as soon as the log has outgrown it.
 */
export async function dropCosignaturesBeyond(sql: Sql, partition: number): Promise<void> {
  await sql.run(DROP_COSIGNATURES_BEYOND, [partition]);
}
