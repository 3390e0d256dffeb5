import type { LogKeyFollower } from '@logline/sdk';
import { ROTATIONS_FILE } from '@logline/tlog';
import { Option } from 'commander';
import { needBaseUrl, needTenant } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { freeTokenOf } from '../gateway.ts';
import { followerOf, type PinnedKey, pinnedLogKey, readLogKey } from '../receipts/log-key.ts';
import { HttpLog } from './http-log.ts';
import { MAX_NOTE_BYTES } from './tile-bytes.ts';

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
      'verifier key of the log, or @file that holds it (or what log keys --json prints); the pinned one when left out',
    ),
  ];
}

/** Where a log is read, and whose keys count: the pinned one, and those that rotations lead to. `keyText`, the pinned one, names what is remembered of it. */
export type OpenLog = { readonly http: HttpLog; readonly keys: LogKeyFollower; readonly keyText: string };

/** @throws CliError `USAGE` without a key to hold the log to: whatever it served would verify */
export async function openLog(context: Context, { url, vkey }: LogOptions): Promise<OpenLog> {
  const given = vkey === undefined ? null : await readLogKey(context, vkey);
  if (url !== undefined) {
    const http = new HttpLog({ prefix: prefixOf(url), signal: context.deadline });
    return toOpen(context, http, given ?? needKey(null, url));
  }
  const settings = await context.settings();
  const tenant = needTenant(settings);
  const token = await freeTokenOf(context, tenant);
  const prefix = `${needBaseUrl(settings)}/v1/log/${tenant}`;
  const headers: Record<string, string> =
    token === null ? {} : { authorization: `ApiKey ${token}`, 'x-tenant-id': tenant };
  const key = given ?? needKey(await pinnedLogKey(context, tenant, null), `the tenant ${tenant}`);
  return toOpen(context, new HttpLog({ prefix, headers, signal: context.deadline }), key);
}

/** The key for a log that is read elsewhere: `--vkey`, else the one pinned for the tenant of the settings. */
export async function keyFor(context: Context, { vkey }: LogOptions, what: string): Promise<PinnedKey> {
  if (vkey !== undefined) return await readLogKey(context, vkey);
  const { tenant } = await context.settings();
  return needKey(tenant === undefined ? null : await pinnedLogKey(context, tenant, null), what);
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

/** A log with the key it is held to: it may show itself which keys follow. */
export function toOpen(context: Context, http: HttpLog, key: PinnedKey): OpenLog {
  return {
    http,
    keys: followerOf(context, key, () => http.get(ROTATIONS_FILE, MAX_NOTE_BYTES)),
    keyText: key.text,
  };
}

function needKey(key: PinnedKey | null, what: string): PinnedKey {
  if (key !== null) return key;
  throw new CliError('USAGE', `no log key is known for ${what}`, {
    fix: 'add --vkey <vkey>, from somewhere else than the log itself (its operator, a colleague)',
  });
}
