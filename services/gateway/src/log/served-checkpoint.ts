import type { Pool } from '@logline/postgres';
import { newestCheckpoint } from '../storage/log-views.ts';
import { findCosigned } from '../storage/find-cosigned.ts';

/**
 * The newest checkpoint of a log, with the cosignatures where there are any for it yet. A log grows faster than witnesses answer: with
 * `?cosigned=true` it is the newest one that a quorum has cosigned, however many came after it. Null when there is none.
 */
export async function servedCheckpoint(
  pool: Pool,
  tenant: string,
  { mustBeCosigned }: { readonly mustBeCosigned: boolean },
): Promise<{ readonly note: string } | null> {
  const cosigned = await findCosigned(pool, tenant);
  if (mustBeCosigned) return cosigned === null ? null : { note: cosigned };
  const newest = await newestCheckpoint(pool, tenant);
  // of one commit both have the same text
  const isCosigned = newest !== null && cosigned !== null && textOf(cosigned) === textOf(newest.note);
  return isCosigned ? { note: cosigned } : newest;
}

function textOf(note: string): string {
  return note.slice(0, note.lastIndexOf('\n\n'));
}
