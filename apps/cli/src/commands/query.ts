import { parseSubject, type Span } from '@logline/contracts';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ContextMaker, define, parseCount } from '../command.ts';
import { needArg } from '../context.ts';
import { connect } from '../gateway.ts';
import { readFact } from '../deploy/facts.ts';
import { parseContainer } from '../manifest/subject.ts';
import { readAll } from '../registry/read.ts';

type Options = {
  readonly intent?: string;
  readonly since?: string;
  readonly cursor?: string;
  readonly limit: number;
  readonly all?: boolean;
  readonly full?: boolean;
};

export function register(command: Command, makeContext: ContextMaker): void {
  command.argument('<urn>', 'any subject: urn:minicontainer:…, urn:tenant:…');
  define<Options>(command, makeContext, {
    name: 'query',
    summary: 'facts about one subject, oldest first',
    examples: [
      "logline query urn:minicontainer:voulezvous/web --intent 'run_state.*'",
      'logline query urn:tenant:voulezvous --all --json',
    ],
    options: [
      new Option('--intent <intent>', 'only this intent, or a family such as run_state.*').argParser(
        parseIntentPattern,
      ),
      new Option('--since <time>', 'only from this time on, RFC 3339'),
      new Option('--cursor <cursor>', 'go on behind an earlier answer'),
      new Option('--limit <count>', 'at most this many').argParser(parseCount(1, 1000)).default(100),
      new Option('--all', 'all pages'),
      new Option('--full', 'print whole spans'),
    ],
    run: async (context, options, [given]) => {
      const { out } = context;
      const settings = await context.settings();
      const text = needArg(given, '<urn>');
      const subject = text.startsWith('urn:') ? text : parseContainer(text, settings.tenant);
      const sdk = await connect(context, { tenant: parseSubject(subject).tenant });
      const filter = {
        subject,
        ...(options.intent === undefined ? {} : { intent: options.intent }),
        ...(options.since === undefined ? {} : { since: options.since }),
      };
      const page =
        options.all === true
          ? { items: await readAll(sdk, filter), has_more: false, cursor: undefined }
          : await sdk.query({
              ...filter,
              limit: options.limit,
              ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
            });
      const line = (span: Span): string =>
        options.full === true ? JSON.stringify(span) : readFact(span, out.style).text;
      if (page.has_more) out.note(`there are more: add --cursor ${page.cursor ?? ''}, or --all`);
      out.result(
        {
          subject,
          items: page.items,
          has_more: page.has_more,
          ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
        },
        page.items.length === 0
          ? `nothing is known of ${subject}${options.intent === undefined ? '' : ` under ${options.intent}`}`
          : page.items.map(line).join('\n'),
      );
    },
  });
}

export function parseIntentPattern(text: string): string {
  if (!INTENT.test(text))
    throw new InvalidArgumentError("use an intent (deploy.planned) or a family ('run_state.*')");
  return text;
}
/** `IntentPattern` of the contracts. */
const INTENT = /^([a-z_]+\.){1,3}([a-z_]+|\*)$|^\*$/;
