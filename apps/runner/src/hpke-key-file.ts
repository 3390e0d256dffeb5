import { parseHex, parseStrict } from '@logline/canon-sign';
import { readSecretFile } from '@logline/service';
import { deriveHpkeKeyPair, type HpkeKeyPair } from '@logline/wallet';
import { RunnerError } from './errors.ts';

/** The X25519 pair derived from a key file {kid, seed}. @throws RunnerError `BAD_KEY_FILE`; its words do not quote the file */
export async function readHpkeKeyFile(path: string): Promise<HpkeKeyPair> {
  const seed = parseSeed(readSecretFile(path));
  if (seed === null)
    throw new RunnerError('BAD_KEY_FILE', `${path} is not a key file: {"kid": "…", "seed": "<64 hex>"}`);
  try {
    return await deriveHpkeKeyPair(seed);
  } finally {
    seed.fill(0);
  }
}

function parseSeed(text: string): Uint8Array | null {
  try {
    const json = parseStrict(new TextEncoder().encode(text), { maxBytes: 4096 });
    if (typeof json !== 'object' || json === null || !('seed' in json) || typeof json.seed !== 'string')
      return null;
    return parseHex(json.seed, 32);
  } catch {
    return null; // the parser's words could quote the seed
  }
}
