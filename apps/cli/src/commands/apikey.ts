import { utf8 } from '@logline/canon-sign';
import { addToken, dropToken } from '@logline/wallet';
import { rm } from 'node:fs/promises';
import { AckError } from '../ack-error.ts';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, collectList, type ContextMaker } from '../command.ts';
import { needTenant } from '../config/settings.ts';
import { needArg } from '../context.ts';
import { CliError } from '../errors.ts';
import { createPrivate, modeOf } from '../files.ts';
import { connect, connectToSign } from '../gateway.ts';
import { newToken } from '../registry/new-token.ts';
import { readRegistry } from '../registry/read.ts';
import { submit } from '../submit.ts';
import { columns } from '../terminal/output.ts';

type AddOptions = {
  readonly scope?: readonly string[];
  readonly exp?: string;
  readonly out?: string;
  readonly key?: string;
};
const DEFAULT_SCOPES = ['deploy:*', 'prove:*'];

export function register(group: Command, makeContext: ContextMaker): void {
  addCommand<AddOptions>(group, makeContext, {
    name: 'add',
    args: '[id]',
    summary: 'make an API token and register its hash',
    about:
      'The token goes into this wallet, or with --out into a new file (0600) for somebody else. It is never printed, and the server never sees it before it is used.',
    examples: [
      "logline apikey add ci --scope 'deploy:*' --out ./ci.token",
      "logline apikey add reader --scope 'deploy:list' --exp 2027-01-01T00:00:00Z --json",
    ],
    options: [
      new Option('--scope <scope>', 'what it may do; several times or with commas')
        .argParser(collectList)
        .default(undefined, DEFAULT_SCOPES.join(',')),
      new Option('--exp <time>', 'when it ends, RFC 3339'),
      new Option('--out <file>', 'write it to this new file instead of the wallet'),
      new Option('--key <kid>', 'the registered key to sign with'),
    ],
    run: async (context, options, [id]) => {
      const { io, out } = context;
      const tenant = needTenant(await context.settings());
      const file = options.out === undefined ? undefined : resolve(io.cwd, options.out);
      if (file !== undefined && (await modeOf(file)) !== null)
        throw new CliError('CONFLICT', `${file} exists already`);
      const token = newToken(io, id);
      const scopes = [...(options.scope ?? DEFAULT_SCOPES)];
      const sdk = await connectToSign(context, { kid: options.key });
      const payload = {
        token_id: token.tokenId,
        hash: token.hash,
        scopes,
        ...(options.exp === undefined ? {} : { exp: options.exp }),
      };
      const wallet = await context.wallet();
      if (file === undefined) await wallet.update((current) => addToken(current, tenant, token.text));
      else await createPrivate(file, utf8(`${token.text}\n`));
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.apikey.create',
        subject: `urn:tenant:${tenant}`,
        payload,
      }).catch(async (error: unknown) => {
        // a clear no: the token will never be taken
        if (error instanceof AckError) {
          if (file === undefined) await wallet.update((current) => dropToken(current, tenant, token.tokenId));
          else await rm(file, { force: true });
        }
        throw error;
      });
      const place = file ?? 'this wallet';
      out.result(
        { status: 'ok', token_id: token.tokenId, scopes, stored_in: place, receipt: receipt.receipt },
        `${out.style.green('registered')} ${token.tokenId} with ${scopes.join(', ')}\n  the token is in ${place}\nnext: list it in slots.api of the manifests it may act on`,
      );
    },
  });

  addCommand<object>(group, makeContext, {
    name: 'list',
    summary: 'the API tokens of the tenant, by id',
    examples: ['logline apikey list', 'logline apikey list --json'],
    run: async (context) => {
      const { registry } = await readRegistry(await connect(context));
      const tokens = [...registry.tokens.values()].map(({ tokenId, ...rest }) => ({
        token_id: tokenId,
        ...rest,
      }));
      context.out.result(
        { tokens },
        tokens.length === 0
          ? 'no tokens'
          : columns(
              tokens.map(({ token_id, scopes, status }) => [
                token_id,
                `${status.padEnd(8)} ${scopes.join(',')}`,
              ]),
            ),
      );
    },
  });

  addCommand<{ readonly key?: string }>(group, makeContext, {
    name: 'revoke',
    args: '<id>',
    summary: 'end an API token',
    examples: ['logline apikey revoke ci', 'logline apikey revoke tok-0a1b2c3d4e5f --json'],
    options: [new Option('--key <kid>', 'the registered key to sign with')],
    run: async (context, options, [given]) => {
      const id = needArg(given, '<id>');
      const tenant = needTenant(await context.settings());
      const sdk = await connectToSign(context, { kid: options.key });
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.apikey.revoke',
        subject: `urn:tenant:${tenant}`,
        payload: { token_id: id },
      });
      await (await context.wallet()).update((current) => dropToken(current, tenant, id));
      context.out.result(
        { status: 'ok', token_id: id, receipt: receipt.receipt },
        `${context.out.style.green('revoked')} ${id}`,
      );
    },
  });
}
