import type { CanonError } from '@logline/canon-sign';
import type { Language } from '@logline/contracts';
import { faultOf } from './fault.ts';
import { toNo, type No } from './reply.ts';

/** The answer to bytes that are no canonical JSON, and so no span at all (protocol §2). */
export function toUnreadable(fault: CanonError, language: Language): No {
  const pointer = fault.pointer ?? '';
  return toNo(
    [
      faultOf(fault.code === 'TOO_LARGE' ? 'bytes_too_many' : 'bytes_unreadable', pointer, {
        why: fault.message,
      }),
    ],
    language,
  );
}

/** The answer while this service cannot judge for the tenant; nothing was decided, and the same request may come again. */
export function toUnavailable(why: string, language: Language): No {
  return toNo([faultOf('unavailable', '', { why })], language);
}
