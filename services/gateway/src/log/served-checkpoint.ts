import type { Pool } from '@logline/postgres';
import { IsIn, IsOptional } from 'class-validator';
import { parseDto } from '../http/parse-dto.ts';
import { newestCheckpoint } from '../storage/log-views.ts';
import { findCosigned } from '../storage/find-cosigned.ts';

class CheckpointQuery {
  /** `true`: the newest that a quorum of witnesses has cosigned. */
  @IsOptional()
  @IsIn(['true', 'false'])
  readonly cosigned?: 'true' | 'false';
}

/**
 * The newest checkpoint of a log, with the cosignatures where there are any for it yet. A log grows faster than witnesses answer: with
 * `?cosigned=true` it is the newest one that a quorum has cosigned, however many came after it. Null when there is none.
 */
export async function servedCheckpoint(pool: Pool, tenant: string, query: unknown): Promise<string | null> {
  const { cosigned: wanted } = parseDto(CheckpointQuery, query);
  const cosigned = await findCosigned(pool, tenant);
  if (wanted === 'true') return cosigned;
  const newest = await newestCheckpoint(pool, tenant);
  // of one commit both have the same text
  return newest !== null && cosigned !== null && textOf(cosigned) === textOf(newest) ? cosigned : newest;
}

function textOf(note: string): string {
  return note.slice(0, note.lastIndexOf('\n\n'));
}
