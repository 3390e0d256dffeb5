import { formatHex } from '@logline/canon-sign';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { isObject } from '../../json-file.ts';
import { runMaintenance } from '../../ledger/maintenance.ts';
import { readKeyFile } from '../../registry/key-file.ts';
import { columns } from '../../terminal/output.ts';

type Options = { readonly newKeyFile?: string };

export function addLogKeys(group: Command, makeContext: ContextMaker, where: string): void {
  addCommand<Options>(group, makeContext, {
    name: 'log-keys',
    summary: 'by which key the log of each tenant is signed; which are still to be rotated',
    about:
      'With --new-key-file only the tenants whose logs neither are signed by that key nor are being led to it (logline tenant rotate-log-key): exit code 3\n' +
      `while there are any. The old key may be taken away once there are none and the time of the last rotation has passed. ${where}`,
    examples: ['logline ledger log-keys', 'logline ledger log-keys --new-key-file ./log-2.json --json'],
    options: [
      new Option('--new-key-file <file>', 'the new log key: {kid, seed}; only its public half is used'),
    ],
    run: async (context, { newKeyFile }) => {
      const { io, out, options } = context;
      const to = newKeyFile === undefined ? null : await readKeyFile(resolve(io.cwd, newKeyFile), 'log key');
      const { isGood, report } = await runMaintenance(context, [
        'log-keys',
        ...(to === null ? [] : ['--to', formatHex(to.publicKey)]),
        ...(options.tenant === undefined ? [] : ['--tenant', options.tenant]),
      ]);
      const rows = (Array.isArray(report['keys']) ? report['keys'] : []).filter(isObject);
      const lines = rows.map(({ tenant, log_key, next }) => {
        const then = isObject(next) ? `  then ${String(next['log_key'])} from ${String(next['from'])}` : '';
        return [String(tenant), `${String(log_key)}${then}`] as const;
      });
      const total =
        to === null
          ? `${rows.length} logs`
          : isGood
            ? `${out.style.green('ok')} all ${String(report['logs'])} logs are signed by that key, or are being led to it`
            : `${out.style.red('not yet')} ${rows.length} of ${String(report['logs'])} logs are still to be rotated: logline tenant rotate-log-key <tenant>`;
      out.result(report, [...(lines.length === 0 ? [] : [columns(lines)]), total].join('\n'));
      if (!isGood) throw new Exit(EXIT.negative);
    },
  });
}
