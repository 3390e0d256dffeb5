import { query, type PoolClient } from '@logline/postgres';
import type { TenantSubject } from '../domain/batch.ts';

const SQL = {
  name: 'save-subjects',
  text: `
insert into subject_state (tenant, subject, head, idx, state)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::jsonb[])
on conflict (tenant, subject) do update set head = excluded.head, idx = excluded.idx, state = excluded.state`,
};

/** The views of subjects that a batch has changed. */
export async function saveSubjects(client: PoolClient, changed: readonly TenantSubject[]): Promise<void> {
  await query(client, SQL, [
    changed.map(({ tenant }) => tenant),
    changed.map(({ view }) => view.subject),
    changed.map(({ view }) => view.head),
    changed.map(({ view }) => view.index),
    changed.map(({ view }) => JSON.stringify(view.state)),
  ]);
}
