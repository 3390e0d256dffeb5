import { signObject } from '@logline/canon-sign';
import { formatInstant, isName, parseInstant } from '@logline/contracts';
import { formatVkey } from '@logline/tlog';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { connect } from '../../gateway.ts';
import { readKeyFile } from '../../registry/key-file.ts';
import { readOperatorKey } from '../../registry/operator-key.ts';
import { submit } from '../../submit.ts';

type Options = {
  readonly operatorKeyFile?: string;
  readonly newKeyFile?: string;
  readonly from?: string;
};

export function registerRotation(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'rotate-log-key',
    args: '<tenant>',
    summary: "lead a tenant's log on to another key",
    about:
      'For the operator of an installation, once its ledgers hold the new key as well (docs/log-key-rotation.md). log_pub in the operator key file is still the old\n' +
      'key; from the time given on receipts are signed by the new one. logline ledger log-keys --new-key-file says which tenants are left.',
    examples: [
      'logline tenant rotate-log-key acme --new-key-file ./log-2.json --from 2026-12-01T00:00:00Z',
      'logline tenant rotate-log-key acme --operator-key-file ./operator.json --new-key-file ./log-2.json --from 2026-12-01T00:00:00Z --json',
    ],
    options: [
      new Option(
        '--operator-key-file <file>',
        "the operator's key: {kid, seed, token, origin, log_pub, services}",
      ),
      new Option('--new-key-file <file>', 'the new log key: {kid, seed}, as the ledger has it'),
      new Option('--from <time>', 'log time from which the new key signs (RFC 3339)'),
    ],
    run: async (context, options, [given]) => {
      const { io, out } = context;
      const tenant = needArg(given, '<tenant>');
      if (!isName(tenant)) throw new CliError('USAGE', `${JSON.stringify(tenant)} cannot name a tenant`);
      const fromMs = parseInstant(options.from ?? '');
      if (options.newKeyFile === undefined || fromMs === null)
        throw new CliError('USAGE', 'a rotation needs the new key and the time from which it signs', {
          fix: 'add --new-key-file <file> --from 2026-12-01T00:00:00Z',
        });
      const settings = await context.settings();
      const operator = await readOperatorKey(
        options.operatorKeyFile === undefined
          ? settings.operatorKeyFile
          : resolve(io.cwd, options.operatorKeyFile),
      );
      const next = await readKeyFile(resolve(io.cwd, options.newKeyFile), 'log key');
      const origin = `${operator.origin}/${tenant}`;
      const [previous, logKey] = [operator.logPub, next.publicKey].map((pub) => formatVkey(origin, pub));
      const from = formatInstant(fromMs);
      const payload = await signObject(
        'possession',
        { kind: 'registry/log-rotation.v1', tenant, origin, previous, log_key: logKey, from },
        next,
      );
      const sdk = await connect(context, { tenant, apiKey: operator.token, signer: operator.signer });
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.log.rotated',
        subject: `urn:tenant:${tenant}`,
        payload,
      });
      out.result(
        { status: 'ok', tenant, log: origin, previous, log_key: logKey, from, receipt: receipt.receipt },
        `${out.style.green('rotated')} the log of ${tenant}: from ${from} on it is signed by\n  ${logKey}\n  receipt  ${receipt.path}`,
      );
    },
  });
}
