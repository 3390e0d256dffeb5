import { addKey } from '@logline/wallet';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { CliError } from '../../errors.ts';
import { modeOf } from '../../files.ts';
import { newKey } from '../../wallet/new-key.ts';
import { newPassphrase, WalletFile } from '../../wallet/wallet-file.ts';

export function addInit(group: Command, makeContext: ContextMaker): void {
  addCommand<{ readonly key?: string }>(group, makeContext, {
    name: 'init',
    summary: 'make a wallet with one signing key, locked by a passphrase',
    about:
      'The passphrase is typed, or comes from LOGLINE_PASSPHRASE_FILE (mode 0600) or LOGLINE_PASSPHRASE. Nobody can recover it.',
    examples: [
      'logline wallet init',
      'LOGLINE_PASSPHRASE_FILE=./passphrase logline wallet init --wallet ./wallet.json --key kid_sign_1',
    ],
    options: [new Option('--key <kid>', 'what the key is called')],
    run: async (context, options) => {
      const { io, out } = context;
      const settings = await context.settings();
      const { walletPath } = settings;
      // asked before the passphrase is: typing one twice for nothing annoys
      if ((await modeOf(walletPath)) !== null) {
        throw new CliError('CONFLICT', `there is a wallet already: ${walletPath}`, {
          fix: 'use --wallet <file> for another one',
        });
      }
      const key = newKey(io, options.key);
      await WalletFile.create(io, settings, await newPassphrase(io, settings), (empty) => addKey(empty, key));
      const next =
        'logline tenant create <tenant>, or for a tenant that exists: logline key add --request key.json';
      out.result(
        { wallet: walletPath, kid: key.kid, pub: key.pub },
        [
          `${out.style.green('made')} ${walletPath}`,
          `  key  ${out.style.bold(key.kid)}  ${key.pub}`,
          `next: ${next}`,
        ].join('\n'),
      );
    },
  });
}
