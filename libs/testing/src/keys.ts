import { blake3Digest, formatHex, signerFromSeed, utf8, type LocalSigner } from '@logline/canon-sign';

export type TestKey = {
  readonly kid: string;
  /** 64 hex, as in a key file. */
  readonly seed: string;
  readonly pub: string;
  readonly signer: LocalSigner;
};

/** The key of this name, the same in every run: `root`, `operator`, `log`, `tdln-gate`, … */
export function testKey(name: string): TestKey {
  const seed = blake3Digest(utf8(`logline test key ${name}`));
  const signer = signerFromSeed(name, seed);
  return { kid: name, seed: formatHex(seed), pub: formatHex(signer.publicKey), signer };
}
