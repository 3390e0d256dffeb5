import { LogKeyFollower } from '@logline/sdk';
import {
  beginSuccession,
  formatSuccession,
  formatVkey,
  type LogIdentity,
  type LogKeys,
  parseSuccession,
  parseVkey,
  type Succession,
  TlogError,
  type Vkey,
} from '@logline/tlog';
import { findPin } from '@logline/wallet';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { readInput } from '../files.ts';
import { isWalletOpen } from '../wallet/wallet-file.ts';

/** A log key that a person trusts, and what was proven from it before. `text` names what is remembered of the log. */
export type PinnedKey = { readonly text: string; readonly vkey: Vkey; readonly succession: Succession };

const FORM =
  'it looks like <origin>/<tenant>+<8 hex>+<base64>; logline wallet show prints the pinned ones. A file may also hold what logline log keys --json prints';

/**
 * A verifier key given as text, or as `@file` that holds it or a succession (`logline log keys --json`), with the rotations that are kept here.
 * @throws CliError `INVALID_INPUT`
 */
export async function readLogKey(context: Context, text: string): Promise<PinnedKey> {
  const given = text.startsWith('@')
    ? new TextDecoder().decode(await readInput(text.slice(1))).trim()
    : text.trim();
  try {
    return given.startsWith('{')
      ? toPinned(parseSuccession(parseJson(given)))
      : await withKept(context, given);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError('INVALID_INPUT', `not a log key: ${cause.message}`, { cause, fix: FORM });
  }
}

/** The key this person has pinned for the log: in the wallet, else in the settings. Null when there is none. */
export async function pinnedLogKey(
  context: Context,
  tenant: string,
  origin: string | null,
): Promise<PinnedKey | null> {
  const settings = await context.settings();
  // only where it costs no question: a receipt is worth verifying, not worth a passphrase
  if (context.hasWallet || isWalletOpen(settings)) {
    const pin = await context.wallet().then(
      ({ wallet }) => findPin(wallet, tenant),
      () => null,
    );
    if (pin !== null) return await readLogKey(context, pin.log_key);
  }
  if (settings.logKey === undefined) return null;
  const known = await readLogKey(context, settings.logKey);
  return origin === null || known.vkey.name === origin ? known : null;
}

/** Goes on from a pinned key by what the log shows, and keeps what is proven beside what else is remembered of the log. */
export function followerOf(
  context: Context,
  { text, succession }: PinnedKey,
  fetchRotations: () => Promise<Uint8Array | null>,
): LogKeyFollower {
  return new LogKeyFollower({
    succession,
    fetchRotations,
    onFollowed: async (next) => {
      await (await context.state()).setSuccession(text, formatSuccession(next));
      const { vkey, fromMs } = next.keys.at(-1) ?? next.keys[0];
      context.out.note(
        `the log ${vkey.name} has a new key, proven by the one that is pinned: ${vkey.keyId}, from ${new Date(fromMs).toISOString()} on`,
      );
    },
  });
}

/** For what has no log time of its own, a checkpoint: each key of the succession counts. */
export function identityOf(keys: LogKeys): LogIdentity {
  return { origin: keys[0].vkey.name, vkeys: keys.map(({ vkey }) => vkey) };
}

/** Whether rotations have led from the pinned key to this one. */
export function leadsTo({ keys }: Succession, vkey: string): boolean {
  return keys.some((key) => formatVkey(key.vkey.name, key.vkey.publicKey) === vkey);
}

async function withKept(context: Context, text: string): Promise<PinnedKey> {
  const pinned = toPinned(beginSuccession(parseVkey(text)));
  const kept = await (await context.state()).succession(text);
  if (kept?.['log_key'] !== text) return pinned;
  try {
    return toPinned(parseSuccession(kept));
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return pinned; // a file somebody else touched: the log is asked again
  }
}

function toPinned(succession: Succession): PinnedKey {
  const { vkey } = succession.keys[0];
  return { text: formatVkey(vkey.name, vkey.publicKey), vkey, succession };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TlogError('MALFORMED_SUCCESSION', 'the file is not JSON', { cause });
  }
}
