import { FIRST_PARTITION, MOST_PARTITIONS } from '@logline/contracts';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker, parseCount } from '../../command.ts';
import { CliError, Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { isObject } from '../../json-file.ts';
import { runMaintenance } from '../../ledger/maintenance.ts';
import type { Style } from '../../terminal/style.ts';

type Options = {
  readonly iKnow?: boolean;
  readonly partition?: number;
  readonly operatorKeyFile?: string;
};

export function addAdopt(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'adopt',
    summary: 'go on with a database that its anchor does not vouch for (operator)',
    about:
      'A ledger whose database was put back from a backup, or whose anchor is gone, refuses to sign: going on could fork its logs. Without --i-know this says what it\n' +
      'found and what would be lost. With it, each log of the partition gets an entry signed by the operator that says so, for good, and the ledger signs again.\n' +
      'Logs that could not be adopted are named; the others go on. Runs beside the database, as logline ledger does. Exit code 3 when something is to be adopted\n' +
      'and nobody has said so, or some log was left out.',
    examples: [
      'logline log adopt',
      'logline log adopt --i-know --operator-key-file ./operator.json',
      'logline log adopt --partition 2 --i-know --operator-key-file ./operator.json',
    ],
    options: [
      new Option('--i-know', 'take the database as it is for the truth'),
      new Option('--partition <n>', 'of the ledger; 0 when left out').argParser(
        parseCount(FIRST_PARTITION, MOST_PARTITIONS - 1),
      ),
      new Option('--operator-key-file <file>', "the operator's key, whose word this is"),
    ],
    run: async (context, { iKnow, partition, operatorKeyFile }) => {
      const { io, out } = context;
      const named =
        operatorKeyFile === undefined
          ? (await context.settings()).operatorKeyFile
          : resolve(io.cwd, operatorKeyFile);
      if (iKnow === true && named === undefined)
        throw new CliError('AUTH_NEEDED', "adopting is the operator's word", {
          fix: 'add --operator-key-file <file>, or set LOGLINE_OPERATOR_KEY_FILE',
        });
      const { isGood, report } = await runMaintenance(context, [
        'adopt',
        ...(partition === undefined ? [] : ['--partition', String(partition)]),
        ...(iKnow === true && named !== undefined ? ['--i-know', '--operator-key-file', named] : []),
      ]);
      const leftOut = (Array.isArray(report['not_adopted']) ? report['not_adopted'] : []).filter(isObject);
      out.result(
        report,
        [
          ...leftOut.map(
            ({ tenant, why }) => `${out.style.red('✗')} ${String(tenant)}  not adopted: ${String(why)}`,
          ),
          conclusion(report, leftOut.length, out.style),
        ].join('\n'),
      );
      if (!isGood) throw new Exit(EXIT.negative);
    },
  });
}

function conclusion(report: Readonly<Record<string, unknown>>, leftOut: number, style: Style): string {
  if (report['adopted'] === true && leftOut > 0)
    return `${style.red('adopted in part')}: the ledger signs again, but not for ${leftOut} of ${String(report['logs'])} logs; those stand still until they are mended`;
  if (report['adopted'] === true)
    return `${style.green('adopted')}: the ledger signs again, and each of its logs says why`;
  if (report['needed'] === true) return `${style.red('not adopted')}: read what is above, then add --i-know`;
  return `${style.green('ok')}: the anchor stands where the database does; nothing is to be adopted`;
}
