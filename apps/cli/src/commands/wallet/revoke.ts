import { parseSubject } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { appliedManifest } from '../../deploy/applied-manifest.ts';
import { connectToSign } from '../../gateway.ts';
import { submit } from '../../submit.ts';
import { containerOf } from '../deploy/stop.ts';

type Options = { readonly name?: string; readonly why?: string; readonly key?: string };

const MAX_WHY = 500;

export function addRevoke(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'revoke',
    args: '<grant>',
    summary: 'end a grant: no runner opens it from then on',
    about:
      'For the container of the last apply unless --name says which. What runs already keeps the secret it was given: stop it, and change the secret.',
    examples: [
      'logline wallet revoke grt_db_url',
      "logline wallet revoke grt_db_url --name web --why 'the password leaked' --json",
    ],
    options: [
      new Option('--name <name>', 'the container: its name or URN'),
      new Option('--why <text>', 'a word for those who read the log'),
      new Option('--key <kid>', 'the key to sign with'),
    ],
    run: async (context, options, [given]) => {
      const { out } = context;
      const grant = needArg(given, '<grant>');
      if (options.why !== undefined && (options.why === '' || options.why.length > MAX_WHY))
        throw new CliError('USAGE', `--why takes 1 to ${MAX_WHY} characters`);
      const subject = await containerOf(context, options.name);
      const sdk = await connectToSign(context, { kid: options.key, tenant: parseSubject(subject).tenant });
      const payload = { grant, ...(options.why === undefined ? {} : { why: options.why }) };
      const { receipt } = await submit(context, sdk, { intent: 'wallet.grant.revoke', subject, payload });
      const names = await namedGrants(sdk, subject);
      if (!names.includes(grant))
        out.warn(
          `the manifest of ${subject} names no grant ${grant}` +
            (names.length === 0 ? '' : `; it names ${names.join(', ')}`),
        );
      const next = `logline deploy stop ${subject} --watch`;
      out.result(
        {
          status: 'ok',
          subject,
          ...payload,
          receipt: receipt.receipt,
          receipt_file: receipt.path,
          receipt_verified: receipt.verified === 'yes',
          next,
        },
        [
          `${out.style.green('revoked')} ${grant} of ${subject}: no runner opens it any more`,
          `next: ${next} (what runs keeps what it was given)`,
        ].join('\n'),
      );
    },
  });
}

/** The grants that the newest manifest names: any id may be revoked, before its manifest comes too, so a slip of the pen is only told. */
async function namedGrants(sdk: LogLineSDK, subject: string): Promise<readonly string[]> {
  const ref = (await sdk.state(subject))?.state['ref'];
  if (typeof ref !== 'string') return [];
  const { grants = [] } = await appliedManifest(sdk, { ref, subject });
  return grants.map(({ id }) => id);
}
