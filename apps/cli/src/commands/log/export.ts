import type { Command } from 'commander';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { type Context, needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { withFileLock } from '../../files.ts';
import { toDocument } from '../../log/audit-log.ts';
import { FolderLog } from '../../log/folder-log.ts';
import { readHead, type SignedHead, takeHead } from '../../log/head.ts';
import { mirror, type MirrorReport } from '../../log/mirror.ts';
import { type LogOptions, logOptions, openLog, type OpenLog } from '../../log/open-log.ts';
import { formatFault } from './fsck.ts';

export function addExport(group: Command, makeContext: ContextMaker): void {
  addCommand<LogOptions>(group, makeContext, {
    name: 'export',
    args: '<folder>',
    summary: 'a verified copy of the log as static files',
    about:
      'Writes a C2SP tlog-tiles folder that any web server can serve and logline log fsck verifies with no server. Run again it goes on where it was:\n' +
      'what is there is kept and checked again. The checkpoint is written last; a folder without one is not finished.',
    examples: [
      'logline log export ./mirror',
      "logline log export ./theirs --url https://log.example/prefix --vkey '…'",
    ],
    options: logOptions(),
    run: async (context, options, [given]) => {
      const { out, io } = context;
      const name = needArg(given, '<folder>');
      const log = await openLog(context, options);
      const { head } = await takeHead(context, log);
      const folder = new FolderLog(resolve(io.cwd, name));
      await mkdir(folder.dir, { recursive: true });
      const { report, kept, fetched } = await withFileLock(join(folder.dir, 'export'), () =>
        run(context, log, folder, head),
      );
      if (report.fault !== null) throw faultError(report.fault, name, folder);
      const next = `logline log fsck ${name} --vkey '${log.keyText}'`;
      out.result(
        { folder: name, ...toDocument(report), files_kept: kept, files_fetched: fetched, next },
        `${out.style.green('exported')} ${head.size} entries of ${head.origin} to ${name} (${fetched} files fetched, ${kept} kept)\nnext: ${next}`,
      );
    },
  });
}

async function run(
  context: Context,
  log: OpenLog,
  folder: FolderLog,
  head: SignedHead,
): Promise<MirrorReport> {
  const note = await folder.checkpoint();
  const before = note === null ? null : await readHead(note, log.keys, join(folder.dir, 'checkpoint'));
  if (before !== null && before.size > head.size)
    throw new CliError(
      'NOT_VERIFIED',
      `the folder holds ${before.size} entries and the log shows ${head.size}: a log never shrinks`,
    );
  return await mirror(context, log, folder, head, before);
}

function faultError(fault: Parameters<typeof formatFault>[0], name: string, { dir }: FolderLog): CliError {
  const { path } = fault;
  const fix =
    path === null || path === 'checkpoint'
      ? 'nothing in the folder counts without its checkpoint; tell the operator'
      : `if ${join(dir, path)} is there, it was changed: remove it and run this again; if not, the log serves it so`;
  return new CliError('NOT_VERIFIED', `${name} was not finished: ${formatFault(fault)}`, { fix });
}
