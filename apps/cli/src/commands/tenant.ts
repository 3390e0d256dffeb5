import { signObject, utf8 } from '@logline/canon-sign';
import { isName } from '@logline/contracts';
import { formatVkey } from '@logline/tlog';
import { addToken, dropToken, findPin, pinTenant, unpinTenant } from '@logline/wallet';
import { AckError } from '../ack-error.ts';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../command.ts';
import { needArg } from '../context.ts';
import { CliError } from '../errors.ts';
import { createPrivate, modeOf } from '../files.ts';
import { connect } from '../gateway.ts';
import { DEFAULT_TOKEN_SCOPES, newToken } from '../registry/new-token.ts';
import { readOperatorKey } from '../registry/operator-key.ts';
import { submit } from '../submit.ts';

import { registerRotation } from './tenant/rotate-log-key.ts';

type Options = {
  readonly operatorKeyFile?: string;
  readonly key?: string;
  readonly token?: string;
  readonly tokenOut?: string;
};

export function register(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'create',
    args: '<tenant>',
    summary: 'begin the log of a tenant; a key of this wallet becomes its root',
    about:
      'For the operator of an installation. Stores the first API token, the root and the log key in the wallet.',
    examples: [
      'logline tenant create voulezvous',
      'logline tenant create acme --operator-key-file ./operator.json --key kid_sign_1 --token-out ./acme.token',
    ],
    options: [
      new Option(
        '--operator-key-file <file>',
        "the operator's key: {kid, seed, token, origin, log_pub, services}",
      ),
      new Option('--key <kid>', 'the key that becomes root, instead of the first of the wallet'),
      new Option('--token <id>', 'the id of the first API token'),
      new Option('--token-out <file>', 'write the first API token to a new file too (0600)'),
    ],
    run: async (context, options, [given]) => {
      const { io, out } = context;
      const tenant = needArg(given, '<tenant>');
      if (!isName(tenant))
        throw new CliError('USAGE', `${JSON.stringify(tenant)} cannot name a tenant`, {
          fix: 'use lower-case letters, digits and dashes, and no word of an intent',
        });
      const settings = await context.settings();
      const tokenOut = options.tokenOut === undefined ? undefined : resolve(io.cwd, options.tokenOut);
      if (tokenOut !== undefined && (await modeOf(tokenOut)) !== null)
        throw new CliError('CONFLICT', `${tokenOut} exists already`);
      const operator = await readOperatorKey(
        options.operatorKeyFile === undefined
          ? settings.operatorKeyFile
          : resolve(io.cwd, options.operatorKeyFile),
      );
      const wallet = await context.wallet();
      const root = wallet.signer(options.key);
      const pub = wallet.wallet.keys.find(({ kid }) => kid === root.kid)?.pub ?? '';
      const token = newToken(io, options.token);
      const origin = `${operator.origin}/${tenant}`;
      const logKey = formatVkey(origin, operator.logPub);
      const payload = await signObject(
        'possession',
        {
          tenant,
          origin,
          log_key: logKey,
          root: { kid: root.kid, pub, scopes: ['*'] },
          services: operator.services.map((service) => ({ ...service })),
          api_key: { token_id: token.tokenId, hash: token.hash, scopes: [...DEFAULT_TOKEN_SCOPES] },
        },
        root,
      );
      const wasPinned = findPin(wallet.wallet, tenant) !== null;
      // into the wallet first: a tenant whose only token is lost would be lost with it
      const pin = { tenant, root: { kid: root.kid, pub }, log_key: logKey };
      await wallet.update((current) => addToken(pinTenant(current, pin), tenant, token.text));
      const sdk = await connect(context, { tenant, apiKey: operator.token, signer: operator.signer });
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.tenant.created',
        subject: `urn:tenant:${tenant}`,
        payload,
      }).catch(async (error: unknown) => {
        // a clear no: this token and this root are nobody's; after anything less clear they may be somebody's
        if (error instanceof AckError) {
          await wallet.update((current) =>
            dropToken(wasPinned ? current : unpinTenant(current, tenant), tenant, token.tokenId),
          );
        }
        throw error;
      });
      if (tokenOut !== undefined) await createPrivate(tokenOut, utf8(`${token.text}\n`));
      const next =
        settings.tenant === tenant
          ? 'logline minicontainer init --name web --image <image>'
          : `logline minicontainer init --tenant ${tenant} --name web --image <image>`;
      out.result(
        {
          status: 'ok',
          tenant,
          root: { kid: root.kid, pub },
          token_id: token.tokenId,
          log: origin,
          log_key: logKey,
          ...(tokenOut === undefined ? {} : { token_file: tokenOut }),
          receipt: receipt.receipt,
          receipt_file: receipt.path,
          receipt_verified: receipt.verified === 'yes',
          next,
        },
        [
          `${out.style.green('created')} the tenant ${tenant}`,
          `  root     ${root.kid} (this wallet)`,
          `  token    ${token.tokenId} (in this wallet)`,
          `  log key  ${logKey}`,
          `next: ${next}`,
        ].join('\n'),
      );
    },
  });
  registerRotation(group, makeContext);
}
