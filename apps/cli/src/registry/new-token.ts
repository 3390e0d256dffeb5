import { formatHex } from '@logline/canon-sign';
import { formatApiToken, hashApiToken, TOKEN_SECRET_BYTES } from '@logline/wallet';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';

export const DEFAULT_TOKEN_SCOPES = ['deploy:*', 'prove:*', 'grant:*', 'registry:*'] as const;

/** A fresh API token: its text for whoever will use it, its hash for the registry. */
export function newToken(
  io: Io,
  tokenId = `tok-${formatHex(io.random(6))}`,
): { readonly tokenId: string; readonly text: string; readonly hash: string } {
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(tokenId))
    throw new CliError('USAGE', `${JSON.stringify(tokenId)} cannot name a token`, {
      fix: 'use letters, digits, dots and dashes',
    });
  const text = formatApiToken({ tokenId, secret: io.random(TOKEN_SECRET_BYTES) });
  return { tokenId, text, hash: hashApiToken(text) };
}
