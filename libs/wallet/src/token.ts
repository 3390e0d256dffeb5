import { blake3Hash, formatBase64url, parseBase64url, utf8 } from '@logline/canon-sign';
import { WalletError } from './errors.ts';

/** Bytes of randomness in an API token. */
export const TOKEN_SECRET_BYTES = 32;

const TOKEN = /^lltok_([A-Za-z0-9.-]{1,64})_([A-Za-z0-9_-]{43})$/;

export type ApiTokenParts = { readonly tokenId: string; readonly secret: Uint8Array };

/**
 * The text of an API token: `lltok_<token id>_<43 base64url characters>`.
 *
 * @throws WalletError `MALFORMED` when the id has an underscore or another character of no token id, or the secret is not 32 bytes
 */
export function formatApiToken({ tokenId, secret }: ApiTokenParts): string {
  const text = `lltok_${tokenId}_${formatBase64url(secret)}`;
  if (secret.length !== TOKEN_SECRET_BYTES || !TOKEN.test(text)) {
    throw new WalletError(
      'MALFORMED',
      'a token has an id of letters, digits, dots and dashes, and 32 random bytes',
    );
  }
  return text;
}

/** @throws WalletError `MALFORMED`; its message does not repeat the text */
export function parseApiToken(text: string): ApiTokenParts {
  const [, tokenId, secret] = TOKEN.exec(text) ?? [];
  if (tokenId === undefined || secret === undefined) {
    throw new WalletError('MALFORMED', 'not an API token: lltok_<id>_<43 characters>');
  }
  try {
    return { tokenId, secret: parseBase64url(secret) };
  } catch (cause) {
    throw new WalletError(
      'MALFORMED',
      'not an API token: its last character is not one that 32 bytes end in',
      { cause },
    );
  }
}

/** What the registry stores of a token: the BLAKE3 of its text. */
export function hashApiToken(text: string): string {
  return blake3Hash(utf8(text));
}
