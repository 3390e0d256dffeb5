import { formatHex, type LocalSigner } from '@logline/canon-sign';
import { ConfigError, readKeyFile } from '@logline/service';
import type { LedgerConfig } from '../config.ts';

/** Who signs the logs here: the key in the first file, and that of the second one while one gives way to another. */
export type SigningKeys = {
  readonly signer: LocalSigner;
  readonly otherSigner: LocalSigner | undefined;
};

/** @throws ConfigError `BAD_KEY_FILE`; also for one key twice: it would sign every checkpoint twice, and no verifier reads that */
export function readSigningKeys({
  keyFile,
  nextKeyFile,
}: Pick<LedgerConfig, 'keyFile' | 'nextKeyFile'>): SigningKeys {
  const signer = readKeyFile(keyFile);
  if (nextKeyFile === undefined) return { signer, otherSigner: undefined };
  const otherSigner = readKeyFile(nextKeyFile);
  if (formatHex(otherSigner.publicKey) === formatHex(signer.publicKey))
    throw new ConfigError('BAD_KEY_FILE', `${nextKeyFile} is the same key as LOGLINE_LEDGER_KEY_FILE`);
  return { signer, otherSigner };
}
