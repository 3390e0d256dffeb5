import { signObject, utf8 } from '@logline/canon-sign';
import { checkerOf, KeyAdd } from '@logline/contracts';
import { addKey } from '@logline/wallet';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, collectList, type ContextMaker, parseCount } from '../command.ts';
import { needTenant } from '../config/settings.ts';
import { type Context, needArg } from '../context.ts';
import { CliError } from '../errors.ts';
import { readInput, writePublic } from '../files.ts';
import { connect, connectToSign } from '../gateway.ts';
import { readJson } from '../json-file.ts';
import { readRegistry } from '../registry/read.ts';
import { submit } from '../submit.ts';
import { columns } from '../terminal/output.ts';
import { readStdin } from '../terminal/prompt.ts';
import { newKey } from '../wallet/new-key.ts';

type AddOptions = {
  readonly scope?: readonly string[];
  readonly exp?: string;
  readonly from?: string;
  readonly request?: string;
  readonly key?: string;
};

const DEFAULT_SCOPES = ['deploy:*', 'prove:*', 'grant:*'];
const payloadChecker = checkerOf(KeyAdd);

export function register(group: Command, makeContext: ContextMaker): void {
  addCommand<AddOptions>(group, makeContext, {
    name: 'add',
    args: '[kid]',
    summary: "make a signing key and register it, or register somebody else's",
    about:
      'Without --from the key is made in this wallet. --request writes what somebody with registry:* passes to --from: nobody sees the key itself.',
    examples: [
      "logline key add kid_ci --scope 'deploy:*' --scope 'prove:*'",
      'logline key add kid_bob --request bob.json',
      'logline key add --from bob.json',
    ],
    options: [
      new Option('--scope <scope>', 'what it may sign; several times or with commas')
        .argParser(collectList)
        .default(undefined, DEFAULT_SCOPES.join(',')),
      new Option('--exp <time>', 'when it ends, RFC 3339'),
      new Option('--from <file>', 'register the key of this request (- for stdin)'),
      new Option('--request <file>', 'write a request instead of registering'),
      new Option('--key <kid>', 'the registered key to sign with'),
    ],
    run: async (context, options, [kid]) => {
      const { out, io } = context;
      const tenant = needTenant(await context.settings());
      const payload =
        options.from === undefined
          ? await ownRequest(context, tenant, kid, options)
          : await readRequest(context, options.from);
      if (payload.tenant !== tenant)
        throw new CliError('INVALID_INPUT', `the request is for the tenant ${payload.tenant}`, {
          fix: `add --tenant ${payload.tenant}`,
        });
      if (options.request !== undefined) {
        await writePublic(resolve(io.cwd, options.request), utf8(`${JSON.stringify(payload, null, 2)}\n`));
        const next = `logline key add --from ${options.request}`;
        out.result(
          { request: payload, file: options.request, next },
          `${out.style.green('wrote')} ${options.request}\nnext, by somebody whose key has registry:*: ${next}`,
        );
        return;
      }
      const sdk = await connectToSign(context, { kid: options.key });
      const { receipt } = await submit(context, sdk, {
        intent: 'registry.key.add',
        subject: `urn:tenant:${tenant}`,
        payload,
      });
      out.result(
        {
          status: 'ok',
          kid: payload.kid,
          pub: payload.pub,
          scopes: payload.scopes,
          receipt: receipt.receipt,
          receipt_verified: receipt.verified === 'yes',
        },
        `${out.style.green('registered')} ${payload.kid} with ${payload.scopes.join(', ')}`,
      );
    },
  });

  addCommand<object>(group, makeContext, {
    name: 'list',
    summary: 'the registered signing keys of the tenant',
    examples: ['logline key list', 'logline key list --json > keys.json'],
    run: async (context) => {
      const { registry } = await readRegistry(await connect(context));
      const keys = [...registry.keys.values()];
      context.out.result(
        { keys },
        keys.length === 0
          ? 'no keys'
          : columns(
              keys.map(({ kid, pub, scopes, status }) => [
                kid,
                `${status.padEnd(21)}  ${pub.slice(0, 16)}…  ${scopes.join(',')}`,
              ]),
            ),
      );
    },
  });

  addCommand<{ readonly reason: string; readonly sinceIndex?: number; readonly key?: string }>(
    group,
    makeContext,
    {
      name: 'revoke',
      args: '<kid>',
      summary: 'end a signing key',
      about:
        'History stays valid. With --reason compromised nothing it signed since --since-index is deployed any more.',
      examples: [
        'logline key revoke kid_ci --reason rotated',
        'logline key revoke kid_ci --reason compromised --since-index 120',
      ],
      options: [
        new Option('--reason <reason>', 'why').choices(['rotated', 'compromised']).default('rotated'),
        new Option('--since-index <index>', 'log index from which it is not trusted').argParser(
          parseCount(0, Number.MAX_SAFE_INTEGER),
        ),
        new Option('--key <kid>', 'the registered key to sign with'),
      ],
      run: async (context, options, [given]) => {
        const kid = needArg(given, '<kid>');
        const tenant = needTenant(await context.settings());
        const sdk = await connectToSign(context, { kid: options.key });
        const payload = {
          kid,
          reason: options.reason,
          ...(options.sinceIndex === undefined ? {} : { since_index: options.sinceIndex }),
        };
        const { receipt } = await submit(context, sdk, {
          intent: 'registry.key.revoke',
          subject: `urn:tenant:${tenant}`,
          payload,
        });
        context.out.result(
          { status: 'ok', ...payload, receipt: receipt.receipt },
          `${context.out.style.green('revoked')} ${kid} (${options.reason})`,
        );
      },
    },
  );
}

/** A key of this wallet, made now or before, with its own signature over the request. */
async function ownRequest(
  context: Context,
  tenant: string,
  kid: string | undefined,
  options: AddOptions,
): Promise<KeyAdd> {
  const wallet = await context.wallet();
  const known = wallet.wallet.keys.find((key) => key.kid === kid);
  const key = known ?? newKey(context.io, kid);
  // kept before it is registered: a registered key that nobody has is of no use
  if (known === undefined) await wallet.update((current) => addKey(current, key));
  const payload = {
    tenant,
    kid: key.kid,
    pub: key.pub,
    role: 'client' as const,
    scopes: [...(options.scope ?? DEFAULT_SCOPES)],
    ...(options.exp === undefined ? {} : { exp: options.exp }),
  };
  return checked(await signObject('possession', payload, wallet.signer(key.kid)), 'the request');
}

async function readRequest({ io }: Context, file: string): Promise<KeyAdd> {
  const bytes = file === '-' ? await readStdin(io, 65_536) : await readInput(resolve(io.cwd, file));
  return checked(readJson(bytes, file), file);
}

function checked(value: unknown, name: string): KeyAdd {
  if (payloadChecker.check(value)) return value;
  const [fault] = payloadChecker.faults(value);
  throw new CliError(
    'INVALID_INPUT',
    `${name} registers no key: ${fault?.pointer ?? ''} ${fault?.message ?? ''}`,
    { fix: 'logline key add <kid> --request <file> writes one' },
  );
}
