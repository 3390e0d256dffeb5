import type { Command } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { findEntry, parseWanted } from '../../log/find-entry.ts';
import { takeHead } from '../../log/head.ts';
import { type LogOptions, logOptions, openLog } from '../../log/open-log.ts';
import { spanOf, toDocument } from '../../log/show-entry.ts';
import { VerifiedEntries } from '../../log/verified-entries.ts';
import { printable } from '../../terminal/style.ts';

export function addGet(group: Command, makeContext: ContextMaker): void {
  addCommand<LogOptions>(group, makeContext, {
    name: 'get',
    args: '<entry>',
    summary: 'one entry, shown to be in the log',
    about:
      'The entry is named by its index, its span id or its leaf hash. On stdout: its bytes as they were signed.',
    examples: ['logline log get 42', 'logline log get urn:span:019ab111-6800-7000-8000-000000000000 --json'],
    options: logOptions(),
    run: async (context, options, [given]) => {
      const { out, io } = context;
      const wanted = parseWanted(needArg(given, '<entry>'));
      const log = await openLog(context, options);
      const { head } = await takeHead(context, log);
      const entry = await findEntry(context, log.http, new VerifiedEntries(log.http, head), wanted);
      const text = new TextDecoder().decode(entry.bytes);
      out.note(`entry ${entry.index} of ${head.origin}, under the signed root of ${head.size} entries`);
      out.result(
        { ...toDocument(entry, spanOf(entry)), origin: head.origin, size: Number(head.size), verified: true },
        io.stdout.isTTY === true ? printable(text) : text,
      );
    },
  });
}
