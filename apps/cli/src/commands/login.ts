import { checkerOf, TenantCreated } from '@logline/contracts';
import { findPin, parseApiToken, pinTenant } from '@logline/wallet';
import { type Command, Option } from 'commander';
import { type ContextMaker, define } from '../command.ts';
import { readProfile, writeProfile } from '../config/profile.ts';
import { needBaseUrl, needTenant } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { modeOf } from '../files.ts';
import { connect } from '../gateway.ts';
import { followerOf, leadsTo, readLogKey } from '../receipts/log-key.ts';
import { askSecret, readStdin, withoutFinalNewline } from '../terminal/prompt.ts';

type Options = { readonly logKey?: string; readonly root?: string; readonly check?: boolean };

const createdChecker = checkerOf(TenantCreated);

export function register(command: Command, makeContext: ContextMaker): void {
  define<Options>(command, makeContext, {
    name: 'login',
    summary: 'store an address, a tenant and its API token as a profile',
    about:
      'The token is typed, or read from stdin; never from the command line. It is tried before it is stored. With --log-key (and --root) the log and root key of\n' +
      'the tenant are pinned: ask the operator for them by another way than this gateway.',
    examples: [
      'logline login --base-url https://api.example.com --tenant voulezvous < ./token',
      "logline login --profile prod --base-url https://api.example.com --tenant voulezvous --log-key 'api.example.com/voulezvous+5f2a9c01+AX…' --root kid_root:0a1b…",
    ],
    options: [
      new Option('--log-key <vkey>', "pin the verifier key of the tenant's log (or @file)"),
      new Option('--root <kid:hex>', "pin the tenant's root key in the wallet"),
      new Option('--no-check', 'store without asking the gateway'),
    ],
    run: async (context, options) => {
      const { out } = context;
      const settings = await context.settings();
      const baseUrl = needBaseUrl(settings);
      const tenant = needTenant(settings);
      const apiKey = await readToken(context);
      const { tokenId } = parseApiToken(apiKey);
      const given =
        options.logKey === undefined ? undefined : (await readLogKey(context, options.logKey)).text;
      if (options.check !== false) await tryToken(context, tenant, apiKey);
      const login = { tenant, apiKey, mayAsk: options.check !== false };
      if (options.root !== undefined) await pin(context, login, options.root, given);
      const name = settings.profile;
      const before = (await readProfile(context.io, name)) ?? {};
      const logKey = given === undefined ? undefined : await keptPin(context, login, before.logKey, given);
      const path = await writeProfile(context.io, name, {
        ...before,
        baseUrl,
        tenant,
        apiKey,
        ...(logKey === undefined ? {} : { logKey }),
        ...(context.options.wallet === undefined ? {} : { wallet: settings.walletPath }),
      });
      if (logKey === undefined && before.logKey === undefined)
        out.warn('no log key is pinned, so receipts cannot be verified: add --log-key <vkey>');
      out.result(
        { status: 'ok', profile: name, file: path, base_url: baseUrl, tenant, token_id: tokenId },
        `${out.style.green('logged in')} to ${baseUrl} as ${tenant} with ${tokenId}\n  profile ${name} in ${path}\nnext: logline doctor`,
      );
    },
  });
}

async function readToken({ io, options }: Context): Promise<string> {
  if (io.stdin.isTTY === true && options.input !== false)
    return (await askSecret(io, 'API token: ', 'pipe it in')).trim();
  const text = new TextDecoder().decode(withoutFinalNewline(await readStdin(io, 4096))).trim();
  if (text === '')
    throw new CliError('AUTH_NEEDED', 'no API token was given', { fix: 'logline login … < ./token' });
  return text;
}

/** Any question that only this tenant's token gets an answer to. */
async function tryToken(context: Context, tenant: string, apiKey: string): Promise<void> {
  const sdk = await connect(context, { tenant, apiKey });
  const { items } = await sdk.query({
    subject: `urn:tenant:${tenant}`,
    intent: 'registry.tenant.created',
    limit: 1,
  });
  const [first] = items;
  if (first === undefined || !createdChecker.check(first.payload))
    throw new CliError('NOT_FOUND', `there is no tenant ${tenant} here`, {
      fix: `the operator makes it: logline tenant create ${tenant}`,
    });
}

type Login = { readonly tenant: string; readonly apiKey: string; readonly mayAsk: boolean };

/** The pin that was there, where proven rotations lead from it to the key that is given now: old receipts still need it. Else the one given. */
async function keptPin(
  context: Context,
  { tenant, apiKey, mayAsk }: Login,
  before: string | undefined,
  given: string,
): Promise<string> {
  if (before === undefined || before === given) return given;
  const known = await readLogKey(context, before);
  if (leadsTo(known.succession, given)) return before;
  if (!mayAsk || known.vkey.name !== (await readLogKey(context, given)).vkey.name) return given;
  const sdk = await connect(context, { tenant, apiKey });
  const follower = followerOf(context, known, () => sdk.logRotations());
  await follower.follow();
  return leadsTo(follower.succession, given) ? before : given;
}

async function pin(context: Context, login: Login, root: string, logKey: string | undefined): Promise<void> {
  const { tenant } = login;
  const [, kid, pub] = /^([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})$/.exec(root) ?? [];
  if (kid === undefined || pub === undefined) throw new CliError('USAGE', 'a root key is <kid>:<64 hex>');
  const settings = await context.settings();
  if ((await modeOf(settings.walletPath)) === null)
    throw new CliError('AUTH_NEEDED', 'a root key is pinned in the wallet, and there is none', {
      fix: 'logline wallet init',
    });
  const wallet = await context.wallet();
  const before = findPin(wallet.wallet, tenant)?.log_key;
  const given = logKey ?? before;
  if (given === undefined)
    throw new CliError('USAGE', 'root and log key are pinned together', { fix: 'add --log-key <vkey>' });
  // one that the pinned key was led on to is no other one: the pin stays where it is
  const vkey = await keptPin(context, login, before, given);
  await wallet.update((current) => pinTenant(current, { tenant, root: { kid, pub }, log_key: vkey }));
}
