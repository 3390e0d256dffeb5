import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker, parseCount } from '../command.ts';
import { type Context, needArg } from '../context.ts';
import { Exit } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { runMaintenance } from '../ledger/maintenance.ts';
import { addLogKeys } from './ledger/log-keys.ts';

const WHERE =
  'Runs beside the database: by what npm start has written, or by the command in LOGLINE_LEDGER_COMMAND. Exit code 3 when something is wrong.';

export function register(group: Command, makeContext: ContextMaker): void {
  addCommand<FsckOptions>(group, makeContext, {
    name: 'fsck',
    summary:
      'rebuild all that the ledger stores from its entries, and name the first wrong index of each log',
    about: `It reads one moment of the database, so the ledger goes on. ${WHERE}`,
    examples: [
      'logline ledger fsck',
      'logline ledger fsck --tenant voulezvous --thorough --json',
      'logline ledger fsck --facts --views .logline/dev/secrets/postgres-views.url',
    ],
    options: [
      new Option('--thorough', 'verify every signature, one by one'),
      new Option('--facts', 'hold the stream of facts against the logs too'),
      new Option(
        '--views <file>',
        "hold the projector's rows against the logs too: a file with the URL of its database",
      ),
      earlierKey(),
    ],
    run: (context, options) => runChore(context, 'fsck', fsckArguments(context, options)),
  });

  addCommand<EarlierKey>(group, makeContext, {
    name: 'export',
    args: '<folder>',
    summary: 'write each log as a folder of files that verifies with no server',
    about: `C2SP tlog-tiles, and beside it what import needs. Run again, it goes on where it ended. ${WHERE}`,
    examples: ['logline ledger export ./backup', 'logline ledger export ./backup --tenant voulezvous --json'],
    options: [earlierKey()],
    run: (context, options, [folder]) =>
      runChore(context, 'export', [folderOf(context, folder), ...keyArguments(options)]),
  });

  addCommand<EarlierKey>(group, makeContext, {
    name: 'import',
    args: '<folder>',
    summary: 'restore exported logs into a database that has none of them',
    about: `All or nothing, and only when all of it verifies. No ledger may run meanwhile. ${WHERE}`,
    examples: ['logline ledger import ./backup', 'logline ledger import ./backup --tenant voulezvous --json'],
    options: [earlierKey()],
    run: (context, options, [folder]) =>
      runChore(context, 'import', [folderOf(context, folder), ...keyArguments(options)]),
  });

  addCommand<{ readonly from?: number; readonly again?: boolean }>(group, makeContext, {
    name: 'republish',
    summary: 'give the stream of facts what it lacks, or with --again what has aged',
    about: `From behind the last fact that the stream holds, so nothing is published twice; a ledger that starts does the same by itself, and none may run meanwhile. With --again, which a running ledger does not mind, all facts are published once more: readers who have them skip them. ${WHERE}`,
    examples: [
      'logline ledger republish',
      'logline ledger republish --again --tenant voulezvous',
      'logline ledger republish --again --tenant voulezvous --from 1000',
    ],
    options: [
      new Option('--again', 'once more, also what the stream holds or has held'),
      new Option('--from <index>', 'leave out what is before it').argParser(
        parseCount(0, Number.MAX_SAFE_INTEGER),
      ),
    ],
    run: (context, { from, again }) =>
      runChore(context, 'republish', [
        ...(again === true ? ['--again'] : []),
        ...(from === undefined ? [] : ['--from', String(from)]),
      ]),
  });

  addCommand<object>(group, makeContext, {
    name: 'move',
    args: '<tenant> <partition>',
    summary: "put a tenant's log into another partition",
    about: `Safe while the ledger runs: requests that come to the old place are passed on. ${WHERE}`,
    examples: ['logline ledger move voulezvous 2', 'logline ledger move voulezvous 0 --json'],
    run: (context, _, [tenant, partition]) =>
      runChore(context, 'move', [needArg(tenant, '<tenant>'), needArg(partition, '<partition>')]),
  });

  addLogKeys(group, makeContext, WHERE);
}

type EarlierKey = { readonly earlierKey?: readonly string[] };
type FsckOptions = EarlierKey & {
  readonly thorough?: boolean;
  readonly facts?: boolean;
  readonly views?: string;
};

/** Of each command that checks logs. */
function earlierKey(): Option {
  return new Option(
    '--earlier-key <hex...>',
    'public keys that the ledger no longer holds, for logs that were never rotated away from them; what was signed before a rotation needs none',
  );
}

function keyArguments({ earlierKey: keys = [] }: EarlierKey): readonly string[] {
  return keys.flatMap((key) => ['--earlier-key', key]);
}

function fsckArguments({ io }: Context, options: FsckOptions): readonly string[] {
  const { thorough, facts, views } = options;
  return [
    ...(thorough === true ? ['--thorough'] : []),
    ...(facts === true ? ['--facts'] : []),
    ...(views === undefined ? [] : ['--views', resolve(io.cwd, views)]),
    ...keyArguments(options),
  ];
}

/** It may run in another folder. */
function folderOf({ io }: Context, folder: string | undefined): string {
  return resolve(io.cwd, needArg(folder, '<folder>'));
}

async function runChore(context: Context, name: string, args: readonly string[]): Promise<void> {
  const { out, options } = context;
  const tenant = options.tenant === undefined ? [] : ['--tenant', options.tenant];
  const { isGood, report } = await runMaintenance(context, [name, ...args, ...tenant]);
  const { ok: _ok, faults, ...figures } = report;
  const found = Array.isArray(faults) ? faults : [];
  out.result(
    report,
    [
      ...found.map(
        ({ log, index, column, why }) => `${out.style.red('✗')} ${log} ${index}  ${column}: ${why}`,
      ),
      `${isGood ? out.style.green('ok') : out.style.red('not ok')} ${Object.entries(figures)
        .map(([key, value]) => `${key.replaceAll('_', ' ')} ${String(value)}`)
        .join(', ')}`,
    ].join('\n'),
  );
  if (!isGood) throw new Exit(EXIT.negative);
}
