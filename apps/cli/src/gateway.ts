import type { Signer } from '@logline/canon-sign';
import { LogLineSDK } from '@logline/sdk';
import { findToken } from '@logline/wallet';
import { needBaseUrl, needTenant } from './config/settings.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { modeOf } from './files.ts';
import { isWalletOpen } from './wallet/wallet-file.ts';

export type Credentials = {
  readonly tenant?: string;
  readonly apiKey?: string;
  readonly signer?: Signer;
  readonly retries?: number;
};

/** The SDK for the tenant of the settings, or that of `credentials`. Every request ends when the command's time is up, or on Ctrl-C. */
export async function connect(context: Context, credentials: Credentials = {}): Promise<LogLineSDK> {
  const settings = await context.settings();
  const baseUrl = needBaseUrl(settings);
  const tenant = credentials.tenant ?? needTenant(settings);
  const apiKey = credentials.apiKey ?? (await apiKeyOf(context, tenant));
  return new LogLineSDK({
    baseUrl,
    tenant,
    apiKey,
    ...(credentials.signer === undefined ? {} : { signer: credentials.signer }),
    ...(credentials.retries === undefined ? {} : { retries: credentials.retries }),
    language: settings.language,
    userAgent: 'logline-cli',
    fetchImpl: (input, init) => {
      const signal = init?.signal;
      return fetch(input, {
        ...init,
        signal: signal ? AbortSignal.any([signal, context.deadline]) : context.deadline,
      });
    },
  });
}

/** As `connect`, with a key of the wallet to sign requests and spans. */
export async function connectToSign(
  context: Context,
  options: { readonly kid?: string; readonly tenant?: string } = {},
): Promise<LogLineSDK> {
  const wallet = await context.wallet();
  const signer = wallet.signer(options.kid);
  return await connect(context, {
    signer,
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
  });
}

/** The token of the settings where it is of this tenant, else that of the wallet. @throws CliError `AUTH_NEEDED` */
export async function apiKeyOf(context: Context, tenant: string): Promise<string> {
  const settings = await context.settings();
  if (settings.apiKey !== undefined && settings.apiKeyTenant === tenant) return settings.apiKey;
  if ((await modeOf(settings.walletPath)) !== null) {
    const token = findToken((await context.wallet()).wallet, tenant);
    if (token !== null) return token.token;
  }
  throw new CliError('AUTH_NEEDED', `there is no API token for the tenant ${tenant}`, {
    fix: `logline login --tenant ${tenant}, or set LOGLINE_API_KEY`,
  });
}

/** The tenant's token where it costs no question; null where there is none: a published log needs none. */
export async function freeTokenOf(context: Context, tenant: string): Promise<string | null> {
  const settings = await context.settings();
  if (settings.apiKey !== undefined && settings.apiKeyTenant === tenant) return settings.apiKey;
  if (!isWalletOpen(settings) || (await modeOf(settings.walletPath)) === null) return null;
  return findToken((await context.wallet()).wallet, tenant)?.token ?? null;
}
