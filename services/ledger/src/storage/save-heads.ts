import type { Sql } from './append-connection.ts';
import { toUuid } from './find-known.ts';

const SAVE_HEADS = {
  name: 'save_heads',
  text: `
INSERT INTO head (log_id, subject, this) SELECT * FROM unnest($1::int[], $2::text[], $3::uuid[])
ON CONFLICT (log_id, subject) DO UPDATE SET this = excluded.this`,
};

/** The last client-signed span of each subject. Each subject once. */
export async function saveHeads(
  sql: Sql,
  heads: readonly { logId: number; subject: string; this: string }[],
): Promise<void> {
  if (heads.length === 0) return;
  await sql.run(SAVE_HEADS, [
    heads.map(({ logId }) => logId),
    heads.map(({ subject }) => subject),
    heads.map((head) => toUuid(head.this)),
  ]);
}
