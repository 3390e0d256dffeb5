import { formatBase64 } from '@logline/canon-sign';
import { audit, type AuditOptions, type AuditReport, type LogReader } from '@logline/tlog';
import type { Context } from '../context.ts';

const SAY_EVERY = 16_384n;

/** Audits a log and says how far it is, for people. */
export async function auditLog(
  { out }: Context,
  reader: LogReader,
  options: AuditOptions & { readonly size: bigint | null; readonly doing: string },
): Promise<AuditReport> {
  let done = 0n;
  return await audit(reader, {
    ...options,
    onTile: async (tile, bytes) => {
      await options.onTile?.(tile, bytes);
      if (tile.level !== 'entries') return;
      const before = done;
      done += BigInt(tile.width);
      const text = `${options.doing} ${done}${options.size === null ? '' : ` of ${options.size}`} entries`;
      out.live(text);
      if (done / SAY_EVERY > before / SAY_EVERY) out.note(text);
    },
  });
}

/** What `--json` says of an audit. */
export function toDocument({
  checkpoint,
  entries,
  tiles,
  fault,
}: AuditReport): Readonly<Record<string, unknown>> {
  return {
    ok: fault === null,
    ...(checkpoint === null
      ? {}
      : { origin: checkpoint.origin, size: Number(checkpoint.size), root: formatBase64(checkpoint.root) }),
    entries: Number(entries),
    tiles,
    fault: fault === null ? null : { ...fault, index: fault.index === null ? null : Number(fault.index) },
  };
}
