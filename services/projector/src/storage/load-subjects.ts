import { query, type Pool } from '@logline/postgres';
import { emptySubject, type SubjectView } from '../domain/subject.ts';

type Row = { subject: string; head: string | null; idx: string; state: SubjectView['state'] };

/** The stored views of some subjects of a tenant; the empty view of those that have none. */
export async function loadSubjects(
  pool: Pool,
  tenant: string,
  subjects: readonly string[],
): Promise<Map<string, SubjectView>> {
  const rows = await query<Row>(
    pool,
    'select subject, head, idx, state from subject_state where tenant = $1 and subject = any($2::text[])',
    [tenant, subjects],
  );
  const stored = new Map(
    rows.map(({ subject, head, idx, state }) => [subject, { subject, head, index: Number(idx), state }]),
  );
  return new Map(subjects.map((subject) => [subject, stored.get(subject) ?? emptySubject(subject)]));
}
