import { query, type Pool } from '@logline/postgres';

const SQL = {
  name: 'save_cursor',
  text: `
INSERT INTO cursor (stream, sequence) VALUES ($1, $2)
ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence`,
};

/** Where a reader of the stream begins when it starts anew. @throws PostgresError */
export async function saveCursor(pool: Pool, stream: string, sequence: number): Promise<void> {
  await query(pool, SQL, [stream, sequence]);
}
