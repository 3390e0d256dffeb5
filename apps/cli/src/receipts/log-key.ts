import { parseVkey, TlogError, type Vkey } from '@logline/tlog';
import { findPin } from '@logline/wallet';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { readInput } from '../files.ts';
import { isWalletOpen } from '../wallet/wallet-file.ts';

/** A verifier key given as text, or as `@file` that holds it. @throws CliError `INVALID_INPUT` */
export async function readVkey(text: string): Promise<{ readonly vkey: Vkey; readonly text: string }> {
  const given = text.startsWith('@')
    ? new TextDecoder().decode(await readInput(text.slice(1))).trim()
    : text.trim();
  try {
    return { vkey: parseVkey(given), text: given };
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError('INVALID_INPUT', `not a log key: ${cause.message}`, {
      cause,
      fix: 'it looks like <origin>/<tenant>+<8 hex>+<base64>; logline wallet show prints the pinned ones',
    });
  }
}

/** The key this person has pinned for the log: in the wallet, else in the settings. Null when there is none. */
export async function pinnedLogKey(
  context: Context,
  tenant: string,
  origin: string | null,
): Promise<{ readonly vkey: Vkey; readonly text: string } | null> {
  const settings = await context.settings();
  // only where it costs no question: a receipt is worth verifying, not worth a passphrase
  if (context.hasWallet || isWalletOpen(settings)) {
    const pin = await context.wallet().then(
      ({ wallet }) => findPin(wallet, tenant),
      () => null,
    );
    if (pin !== null) return await readVkey(pin.log_key);
  }
  if (settings.logKey === undefined) return null;
  const known = await readVkey(settings.logKey);
  return origin === null || known.vkey.name === origin ? known : null;
}
