import type { Sql } from './append-connection.ts';

export const OUTWAIT_COMMITS = {
  name: 'outwait_commits',
  text: `SELECT 1 FROM lease WHERE name = $1 FOR UPDATE`,
};

/**
 * Resolves when no turn of this lease is under way any more, on whatever connection: each holds the row FOR SHARE to its end. After a COMMIT
 * without an answer the old connection may be gone for us and still have its COMMIT before it; what is read before that is not the last word.
 */
export async function outwaitCommits(sql: Sql, name: string): Promise<void> {
  await sql.run(OUTWAIT_COMMITS, [name]);
}
