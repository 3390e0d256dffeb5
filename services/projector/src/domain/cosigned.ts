import { decodeNote, parseCheckpoint, parseNote, TlogError } from '@logline/tlog';
import { ProjectorError } from '../errors.ts';

/** The newest checkpoint of a log that a quorum of witnesses has cosigned. */
export type CosignedCheckpoint = {
  readonly tenant: string;
  readonly size: bigint;
  /** With the log's signatures and the cosignatures: as it is served. */
  readonly note: string;
};

/**
 * Whose signatures it has, the ledger has verified; that it is a checkpoint of that tenant is looked at here.
 * @throws ProjectorError `BAD_COSIGNED`
 */
export function parseCosigned(subject: string, bytes: Uint8Array): CosignedCheckpoint {
  const tenant = subject.slice(subject.indexOf('.') + 1);
  try {
    const note = decodeNote(bytes);
    const { origin, size } = parseCheckpoint(parseNote(note).text);
    if (origin.endsWith(`/${tenant}`)) return { tenant, size, note };
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new ProjectorError('BAD_COSIGNED', `what came on ${subject} is no checkpoint: ${cause.message}`, {
      cause,
    });
  }
  throw new ProjectorError('BAD_COSIGNED', `what came on ${subject} is the checkpoint of another log`);
}
