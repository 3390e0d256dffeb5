import { query, type Pool } from '@logline/postgres';
import type { CosignedCheckpoint } from '../domain/cosigned.ts';

const SQL = {
  name: 'save-cosigned',
  text: `
insert into cosigned (tenant, size, note) values ($1, $2, $3)
on conflict (tenant) do update set size = excluded.size, note = excluded.note where cosigned.size <= excluded.size`,
};

/** The newest stays; of one size, what came last, which may have more cosignatures. */
export async function saveCosigned(pool: Pool, { tenant, size, note }: CosignedCheckpoint): Promise<void> {
  await query(pool, SQL, [tenant, size, note]);
}
