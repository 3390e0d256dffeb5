import type { Command } from 'commander';
import { Option } from 'commander';
import { resolve } from 'node:path';
import { formatVkey, logKeyAt } from '@logline/tlog';
import { addCommand, type ContextMaker } from '../command.ts';
import { type Context, needArg } from '../context.ts';
import { CliError, Exit } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { readInput } from '../files.ts';
import { readJson } from '../json-file.ts';
import { type PinnedKey, readLogKey } from '../receipts/log-key.ts';
import { explainReceipt, findEvidence, type ReceiptStep } from '../receipts/explain.ts';
import { readStdin } from '../terminal/prompt.ts';

type Options = { readonly logKey?: string; readonly span?: string };

export function register(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'verify',
    args: '<file>',
    summary: 'show step by step that a receipt holds; offline, no network',
    about:
      'The file holds a receipt, an ack, or {span, receipt} as every command saves it. A receipt alone says nothing about other bytes: then --span names the\n' +
      'span it is for, or it is found among the receipts kept here. Exit code 3 when anything does not hold or could not be checked.\n' +
      'It is verified by the key of its own log time: the pinned one, or one that a rotation leads to, as they were proven and kept here, or as they are in\n' +
      'the file of --log-key @file (logline log keys --json).',
    examples: [
      "logline receipt verify ./receipt.json --log-key 'logline.local/voulezvous+5f2a9c01+AX…'",
      'logline receipt verify - --log-key @log.vkey --span span.json --json',
    ],
    options: [
      new Option(
        '--log-key <vkey>',
        'verifier key of the log, or @file that holds it (or what log keys --json prints); the pinned one when left out',
      ),
      new Option('--span <file>', 'the span the receipt is for'),
    ],
    run: async (context, options, [given]) => {
      const { io, out } = context;
      const path = needArg(given, '<file>');
      const bytes = path === '-' ? await readStdin(io, MAX_BYTES) : await readInput(resolve(io.cwd, path));
      const evidence = findEvidence(readJson(bytes, path));
      const spanFile =
        options.span === undefined
          ? undefined
          : readJson(await readInput(resolve(io.cwd, options.span)), options.span);
      const span = spanFile ?? evidence.span ?? (await keptSpan(context, evidence.receipt.this));
      const key = await keyFor(context, options.logKey, evidence.receipt.log);
      const steps = explainReceipt(evidence.receipt, span, key.succession.keys);
      const isGood = steps.every(({ outcome }) => outcome === 'ok');
      const { this: id, log, index, ts } = evidence.receipt;
      const vkey = logKeyAt(key.succession.keys, Date.parse(ts));
      out.result(
        { ok: isGood, this: id, log, index, ts, log_key: formatVkey(vkey.name, vkey.publicKey), steps },
        [
          ...steps.map((step) => formatStep(context, step)),
          isGood
            ? `${out.style.green('verified')} ${id} is entry ${index} of ${log} since ${ts}`
            : `${out.style.red('not verified')} ${id}`,
        ].join('\n'),
      );
      if (!isGood) throw new Exit(EXIT.negative);
    },
  });
}

const MAX_BYTES = 4 * 1024 * 1024;

async function keptSpan(context: Context, spanId: unknown): Promise<unknown> {
  if (typeof spanId !== 'string') return undefined;
  return (await (await context.state()).findReceipt(spanId))?.['span'];
}

async function keyFor(context: Context, given: string | undefined, log: unknown): Promise<PinnedKey> {
  if (given !== undefined) return await readLogKey(context, given);
  const settings = await context.settings();
  const known = settings.logKey === undefined ? null : await readLogKey(context, settings.logKey);
  if (known !== null && known.vkey.name === log) return known;
  throw new CliError('USAGE', `no key is pinned for the log ${String(log).slice(0, 200)}`, {
    fix: 'add --log-key <vkey>',
  });
}

function formatStep({ out: { style } }: Context, { name, outcome, detail }: ReceiptStep): string {
  const mark =
    outcome === 'ok' ? style.green('✓') : outcome === 'failed' ? style.red('✗') : style.yellow('?');
  return `${mark} ${name.padEnd(12)} ${detail}`;
}
