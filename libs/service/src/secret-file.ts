import { parseHex, parseStrict, signerFromSeed, type LocalSigner } from '@logline/canon-sign';
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from './errors.ts';

const OTHERS = 0o077;

/**
 * The text of a file that holds one secret, without white space at its ends. A file that others may read is warned about.
 * @throws ConfigError `BAD_SECRET_FILE` when it cannot be read or is empty
 */
export function readSecretFile(
  path: string,
  warn: (message: string) => void = (message) => process.emitWarning(message),
): string {
  let text: string;
  try {
    if ((statSync(path).mode & OTHERS) !== 0) warn(`${path} can be read by others: chmod 600`);
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new ConfigError('BAD_SECRET_FILE', `${path} cannot be read`, { cause });
  }
  if (text === '') throw new ConfigError('BAD_SECRET_FILE', `${path} is empty`);
  return text;
}

/**
 * The signer of a key file `{kid, seed}`; the seed stays inside.
 * @throws ConfigError `BAD_KEY_FILE` when it is not one, or others than its owner may read it
 */
export function readKeyFile(path: string): LocalSigner {
  let bytes: Uint8Array;
  let mode: number;
  try {
    mode = statSync(path).mode;
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ConfigError('BAD_KEY_FILE', `${path} cannot be read`, { cause });
  }
  if ((mode & OTHERS) !== 0)
    throw new ConfigError('BAD_KEY_FILE', `${path} can be read by others: chmod 600`);
  const { kid, seed } = parseKeyFile(path, bytes);
  return signerFromSeed(kid, seed);
}

function parseKeyFile(path: string, bytes: Uint8Array): { readonly kid: string; readonly seed: Uint8Array } {
  try {
    const json = parseStrict(bytes, { maxBytes: 4096 });
    const { kid, seed, ...more } = isObject(json) ? json : {};
    if (
      typeof kid === 'string' &&
      /^[A-Za-z0-9._-]{1,64}$/.test(kid) &&
      typeof seed === 'string' &&
      /^[0-9a-f]{64}$/.test(seed)
    ) {
      if (Object.keys(more).length === 0) return { kid, seed: parseHex(seed) };
    }
  } catch {
    // the parser's words could quote the seed
  }
  throw new ConfigError('BAD_KEY_FILE', `${path} is not a key file: {"kid": "…", "seed": "<64 hex>"}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
