import { type LocalSigner, parseHex, signerFromSeed } from '@logline/canon-sign';
import { CliError } from '../errors.ts';
import { readPrivate } from '../files.ts';
import { readJsonObject, stringField } from '../json-file.ts';

/** A key as services keep theirs: `{kid, seed}`, readable by its owner alone. @throws CliError `UNSAFE_FILE`, `INVALID_INPUT` */
export async function readKeyFile(path: string, what: string): Promise<LocalSigner> {
  const object = readJsonObject(await readPrivate(path, what), path);
  const [kid, seed] = [stringField(object, 'kid', path), stringField(object, 'seed', path)];
  if (kid === undefined || seed === undefined || !/^[0-9a-f]{64}$/.test(seed))
    throw new CliError('INVALID_INPUT', `${path} is not a key file: {"kid": "…", "seed": "<64 hex>"}`);
  return signerFromSeed(kid, parseHex(seed, 32));
}
