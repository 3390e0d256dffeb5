import { matchesIntent, type Span } from '@logline/contracts';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker, parseCount } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { type SignedHead, takeHead } from '../../log/head.ts';
import { pause } from '../../log/http-log.ts';
import { type LogOptions, logOptions, openLog, type OpenLog } from '../../log/open-log.ts';
import { spanOf, toDocument, toLine } from '../../log/show-entry.ts';
import { VerifiedEntries, type VerifiedEntry } from '../../log/verified-entries.ts';
import { parseIntentPattern } from '../query.ts';

type Options = LogOptions & {
  readonly follow?: boolean;
  readonly lines: number;
  readonly from?: number;
  readonly intent?: string;
  readonly subject?: string;
};

const FOLLOW_MS = 1000;

export function addTail(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'tail',
    summary: 'the newest entries of the log, each verified',
    about:
      'Read from the log itself: each entry is shown to be under the root of a checkpoint that the pinned key signed, and that grew from the one\n' +
      'seen before. With filters: as many as match, however far back they are.',
    examples: ['logline log tail -n 20', "logline log tail --follow --intent 'run_state.*' --json"],
    options: [
      new Option('-f, --follow', 'go on with what comes'),
      new Option('-n, --lines <count>', 'so many of the newest')
        .argParser(parseCount(0, 1_000_000))
        .default(10),
      new Option('--from <index>', 'everything from this index on, in place of the newest').argParser(
        parseCount(0, Number.MAX_SAFE_INTEGER),
      ),
      new Option('--intent <intent>', 'only this intent, or a family such as run_state.*').argParser(
        parseIntentPattern,
      ),
      new Option('--subject <urn>', 'only entries about this subject'),
      ...logOptions(),
    ],
    run: async (context, options) => {
      const log = await openLog(context, options);
      let { head } = await takeHead(context, log);
      const show = (entry: VerifiedEntry): void => showEntry(context, options, entry);
      await showFirst(new VerifiedEntries(log.http, head), options, show);
      if (options.follow !== true) return;
      for (;;) {
        await pause(FOLLOW_MS, context.deadline);
        const next = await nextHead(context, log, head);
        for await (const entry of new VerifiedEntries(log.http, next).range(head.size, next.size))
          show(entry);
        head = next;
      }
    },
  });
}

async function showFirst(
  entries: VerifiedEntries,
  options: Options,
  show: (entry: VerifiedEntry) => void,
): Promise<void> {
  const { size } = entries.head;
  if (options.from !== undefined) {
    for await (const entry of entries.range(BigInt(options.from), size)) show(entry);
    return;
  }
  const newest: VerifiedEntry[] = [];
  if (options.lines === 0) return;
  for await (const entry of entries.backwards(size)) {
    if (!matches(options, spanOf(entry))) continue;
    newest.push(entry);
    if (newest.length === options.lines) break;
  }
  for (const entry of newest.reverse()) show(entry);
}

/** The same head while the server cannot be reached: it may be restarting. */
async function nextHead(context: Context, log: OpenLog, head: SignedHead): Promise<SignedHead> {
  try {
    return (await takeHead(context, log)).head;
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'UNREACHABLE') throw error;
    context.out.note(`${error.message}, trying again`);
    return head;
  }
}

function showEntry({ out }: Context, options: Options, entry: VerifiedEntry): void {
  const span = spanOf(entry);
  if (matches(options, span)) out.item(toDocument(entry, span), toLine(entry, span, out.style));
}

function matches({ intent, subject }: Options, span: Span | null): boolean {
  if (span === null) return intent === undefined && subject === undefined;
  return matchesIntent(span.intent, intent) && (subject === undefined || span.subject === subject);
}
