import type { LogIdentity } from '@logline/tlog';
import { findToken } from '@logline/wallet';
import { Option } from 'commander';
import { needBaseUrl, needTenant } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { modeOf } from '../files.ts';
import { pinnedLogKey, readVkey } from '../receipts/log-key.ts';
import { isWalletOpen } from '../wallet/wallet-file.ts';
import { HttpLog } from './http-log.ts';

export type LogOptions = { readonly url?: string; readonly vkey?: string };

/** Options of every command that reads a log. */
export function logOptions(): readonly Option[] {
  return [
    new Option(
      '--url <prefix>',
      "any tlog-tiles log instead of the tenant's: what /checkpoint is appended to",
    ),
    new Option(
      '--vkey <vkey>',
      'verifier key of the log, or @file that holds it; the pinned one when left out',
    ),
  ];
}

/** Which log, whose key counts, and where it is read. `keyText` names what is remembered of it. */
export type OpenLog = { readonly http: HttpLog; readonly log: LogIdentity; readonly keyText: string };

/** @throws CliError `USAGE` without a key to hold the log to: whatever it served would verify */
export async function openLog(context: Context, { url, vkey }: LogOptions): Promise<OpenLog> {
  const given = vkey === undefined ? null : await readVkey(vkey);
  if (url !== undefined) {
    const key = given ?? needKey(null, url);
    return { http: new HttpLog({ prefix: prefixOf(url), signal: context.deadline }), ...toLog(key) };
  }
  const settings = await context.settings();
  const tenant = needTenant(settings);
  const token = await tokenOf(context, tenant);
  const prefix = `${needBaseUrl(settings)}/v1/log/${tenant}`;
  const headers: Record<string, string> =
    token === null ? {} : { authorization: `ApiKey ${token}`, 'x-tenant-id': tenant };
  const key = given ?? needKey(await pinnedLogKey(context, tenant, null), `the tenant ${tenant}`);
  return { http: new HttpLog({ prefix, headers, signal: context.deadline }), ...toLog(key) };
}

/** The key for a log that is read elsewhere: `--vkey`, else the one pinned for the tenant of the settings. */
export async function keyFor(
  context: Context,
  { vkey }: LogOptions,
  what: string,
): Promise<Omit<OpenLog, 'http'>> {
  if (vkey !== undefined) return toLog(await readVkey(vkey));
  const { tenant } = await context.settings();
  return toLog(needKey(tenant === undefined ? null : await pinnedLogKey(context, tenant, null), what));
}

/** The prefix of a log, without its final slash. @throws CliError `USAGE` */
export function prefixOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain =
    url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (!isPlain || !/^https?:$/.test(url.protocol))
    throw new CliError('USAGE', `${text.slice(0, 200)} is no prefix of a log`, {
      fix: 'use http(s)://host/path, without user, query or fragment',
    });
  return url.href.replace(/\/+$/, '').replace(/\/checkpoint$/, '');
}

type Key = Awaited<ReturnType<typeof readVkey>>;

function toLog({ vkey, text }: Key): Omit<OpenLog, 'http'> {
  return { log: { origin: vkey.name, vkeys: [vkey] }, keyText: text };
}

function needKey(key: Key | null, what: string): Key {
  if (key !== null) return key;
  throw new CliError('USAGE', `no log key is known for ${what}`, {
    fix: 'add --vkey <vkey>, from somewhere else than the log itself (its operator, a colleague)',
  });
}

/** The tenant's token where it costs no question; null where there is none: a published log needs none. */
async function tokenOf(context: Context, tenant: string): Promise<string | null> {
  const settings = await context.settings();
  if (settings.apiKey !== undefined && settings.apiKeyTenant === tenant) return settings.apiKey;
  if (!isWalletOpen(settings) || (await modeOf(settings.walletPath)) === null) return null;
  return findToken((await context.wallet()).wallet, tenant)?.token ?? null;
}
