import { type LocalSigner, parseHex, parseStrict, signerFromSeed, utf8 } from '@logline/canon-sign';
import { ConfigError, readSecretFile } from '@logline/service';

/**
 * The operator's signer, from the file that `logline tenant create` reads: `{kid, seed, …}`.
 * @throws ConfigError `BAD_KEY_FILE`
 */
export function readOperator(path: string): LocalSigner {
  const text = readSecretFile(path, (message) => {
    throw new ConfigError('BAD_KEY_FILE', message);
  });
  const { kid, seed } = Object(parseOrNothing(text)) as { kid?: unknown; seed?: unknown }; // whatever is there
  if (
    typeof kid === 'string' &&
    /^[A-Za-z0-9._-]{1,64}$/.test(kid) &&
    typeof seed === 'string' &&
    /^[0-9a-f]{64}$/.test(seed)
  )
    return signerFromSeed(kid, parseHex(seed, 32));
  throw new ConfigError(
    'BAD_KEY_FILE',
    `${path} is not an operator's key file: {"kid": "…", "seed": "<64 hex>", …}`,
  );
}

function parseOrNothing(text: string): unknown {
  try {
    return parseStrict(utf8(text));
  } catch {
    return undefined; // the parser's words could quote the seed
  }
}
