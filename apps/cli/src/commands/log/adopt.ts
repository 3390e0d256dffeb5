import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker, parseCount } from '../../command.ts';
import { CliError, Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { runMaintenance } from '../../ledger/maintenance.ts';

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
      'Runs beside the database, as logline ledger does. Exit code 3 when something is to be adopted and nobody has said so.',
    examples: ['logline log adopt', 'logline log adopt --i-know --operator-key-file ./operator.json'],
    options: [
      new Option('--i-know', 'take the database as it is for the truth'),
      new Option('--partition <n>', 'of the ledger; 0 when left out').argParser(parseCount(0, 1023)),
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
      const said = report['adopted'] === true ? 'adopted' : report['needed'] === true ? 'refusing' : 'sound';
      out.result(
        report,
        {
          adopted: `${out.style.green('adopted')}: the ledger signs again, and each of its logs says why`,
          refusing: `${out.style.red('not adopted')}: read what is above, then add --i-know`,
          sound: `${out.style.green('ok')}: the anchor stands where the database does; nothing is to be adopted`,
        }[said],
      );
      if (!isGood) throw new Exit(EXIT.negative);
    },
  });
}
