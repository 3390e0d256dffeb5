import type { LogKeyFollower } from '@logline/sdk';
import {
  type AuditFault,
  type LogIdentity,
  type LogReader,
  ROTATIONS_FILE,
  TlogError,
  verifyCheckpoint,
} from '@logline/tlog';
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import type { Context } from '../../context.ts';
import { Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { auditLog, toDocument } from '../../log/audit-log.ts';
import { FolderLog } from '../../log/folder-log.ts';
import { pinnedHead } from '../../log/head.ts';
import { HttpLog } from '../../log/http-log.ts';
import { MAX_NOTE_BYTES } from '../../log/tile-bytes.ts';
import { followerOf, identityOf } from '../../receipts/log-key.ts';
import {
  keyFor,
  type LogOptions,
  logOptions,
  openLog,
  type OpenLog,
  prefixOf,
  toOpen,
} from '../../log/open-log.ts';

export function addFsck(group: Command, makeContext: ContextMaker): void {
  addCommand<LogOptions>(group, makeContext, {
    name: 'fsck',
    args: '[folder|url]',
    summary: 'build a whole log again from its entries, and name what is wrong',
    about:
      "Of a folder that logline log export wrote (no server is asked), of any tlog-tiles log by its URL, or of the tenant's log. Every entry is hashed, every\n" +
      'tile and the root built again, the signature of the checkpoint verified, and compared with the checkpoint seen before. Exit code 3 when\n' +
      'anything does not hold.',
    examples: ["logline log fsck ./mirror --vkey '…'", 'logline log fsck --json'],
    options: logOptions(),
    run: async (context, options, [given]) => {
      const { out } = context;
      const { reader, where, keys, keyText } = await openAny(context, options, given);
      const log = await identityFor(reader, keys);
      const pinned = await pinnedHead(context, keyText);
      const known = pinned !== null && pinned.origin === log.origin ? [pinned] : [];
      const report = await auditLog(context, reader, { log, known, size: null, doing: 'checked' });
      const { checkpoint, fault, entries, tiles } = report;
      const size = checkpoint?.size ?? 0n;
      if (fault === null && pinned !== null && pinned.size > size)
        out.warn(`it ends at ${size} entries; ${pinned.size} were seen of this log before`);
      out.result(
        { where, ...toDocument(report) },
        fault === null
          ? `${out.style.green('ok')} ${where}: ${entries} entries, ${tiles} tiles, signed by the key of ${log.origin}`
          : `${out.style.red('not ok')} ${where}: ${formatFault(fault)}\n  ${entries} entries before it are as they should be`,
      );
      if (fault !== null) throw new Exit(EXIT.negative);
    },
  });
}

export function formatFault({ code, message, index, path }: AuditFault): string {
  const place = [index === null ? '' : `entry ${index}`, path ?? ''].filter((part) => part !== '').join(', ');
  return `${message} (${code}${place === '' ? '' : `: ${place}`})`;
}

async function openAny(
  context: Context,
  options: LogOptions,
  given: string | undefined,
): Promise<Omit<OpenLog, 'http'> & { readonly reader: LogReader; readonly where: string }> {
  if (given === undefined || /^https?:/.test(given)) {
    const { http, ...rest } =
      given === undefined ? await openLog(context, options) : await openUrl(context, options, given);
    return { reader: http, where: http.prefix, ...rest };
  }
  const folder = await FolderLog.open(resolve(context.io.cwd, given));
  const key = await keyFor(context, options, given);
  const keys = followerOf(context, key, () => folder.read(ROTATIONS_FILE, MAX_NOTE_BYTES));
  return { reader: folder, where: given, keys, keyText: key.text };
}

async function openUrl(context: Context, options: LogOptions, url: string): Promise<OpenLog> {
  const prefix = prefixOf(url);
  const http = new HttpLog({ prefix, signal: context.deadline });
  return toOpen(context, http, await keyFor(context, options, prefix));
}

/** With the keys that its checkpoint needs, where its rotations lead to them; that it does not hold is for the audit to say. */
async function identityFor(reader: LogReader, keys: LogKeyFollower): Promise<LogIdentity> {
  const note = await reader.checkpoint();
  if (note !== null)
    await keys.verify(note, (known) => void verifyCheckpoint(note, identityOf(known))).catch(unlessNoKey);
  return identityOf(keys.keys);
}

function unlessNoKey(error: unknown): void {
  if (!(error instanceof TlogError)) throw error;
}
