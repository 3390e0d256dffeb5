import { query, type Pool } from '@logline/postgres';
import { emptySubject, type SubjectView } from '../domain/subject.ts';

type Row = { tenant: string; subject: string; head: string | null; idx: number; state: SubjectView['state'] };

const SQL = {
  name: 'load-subjects',
  text: `select tenant, subject, head, idx, state from subject_state
    where (tenant, subject) in (select * from unnest($1::text[], $2::text[]))`,
};

/** The stored views of some subjects, by URN (which names the tenant); the empty view of those that have none. */
export async function loadSubjects(
  pool: Pool,
  wanted: readonly { readonly tenant: string; readonly subject: string }[],
): Promise<Map<string, SubjectView>> {
  if (wanted.length === 0) return new Map();
  const rows = await query<Row>(pool, SQL, [
    wanted.map(({ tenant }) => tenant),
    wanted.map(({ subject }) => subject),
  ]);
  const stored = new Map(
    rows.map(({ subject, head, idx, state }) => [subject, { subject, head, index: idx, state }]),
  );
  return new Map(wanted.map(({ subject }) => [subject, stored.get(subject) ?? emptySubject(subject)]));
}
