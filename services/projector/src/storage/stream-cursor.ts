import { query, type Pool, type PoolClient } from '@logline/postgres';

const LOAD = 'select sequence from cursor where stream = $1';
const SAVE = {
  name: 'save-cursor',
  text: `insert into cursor (stream, sequence) values ($1, $2)
    on conflict (stream) do update set sequence = excluded.sequence`,
};

/** Sequence in the stream up to which the views hold what it says; 0 for a database that is new or was lost. */
export async function loadCursor(pool: Pool, stream: string): Promise<number> {
  const [row] = await query<{ sequence: number }>(pool, LOAD, [stream]);
  return row?.sequence ?? 0;
}

export async function saveCursor(client: PoolClient, stream: string, sequence: number): Promise<void> {
  await query(client, SAVE, [stream, sequence]);
}
