import type { Sql } from './append-connection.ts';

const SAVE_COSIGNATURE = {
  name: 'save_cosignature',
  text: `
INSERT INTO cosignature (log_id, witness, size, line) VALUES ($1, $2, $3, $4)
ON CONFLICT (log_id, witness) DO UPDATE SET size = excluded.size, line = excluded.line
  WHERE cosignature.size <= excluded.size`,
};

/** `witness` is its key as text; `line` the signature line with its newline. An older one never replaces a newer one. */
export async function saveCosignature(
  sql: Sql,
  { logId, witness, size, line }: Cosigned & { readonly logId: number; readonly witness: string },
): Promise<void> {
  await sql.run(SAVE_COSIGNATURE, [logId, witness, size, line]);
}

/** What one witness has cosigned last of one log. */
export type Cosigned = { readonly size: number; readonly line: string };
