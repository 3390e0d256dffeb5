import { publicKeyFromSeed as derivePublicKey, signWithSeed } from '#ed25519';
import { CanonError } from './errors.ts';

/**
 * Whoever holds a key: a wallet, a service's key file, a KMS. `sign` gives the 64 bytes of a plain Ed25519 signature over
 * `message`, may be called at once from many places, and never shows the key. Two signatures of one message may differ.
 */
export interface Signer {
  readonly kid: string;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A signer whose key is in this process, and which therefore answers at once. */
export interface LocalSigner extends Signer {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/**
 * A signer from the 32 bytes of an RFC 8032 secret key; the seed is not kept in reach of the result.
 *
 * @throws CanonError `MALFORMED` when the seed is not 32 bytes
 */
export function signerFromSeed(kid: string, seed: Uint8Array): LocalSigner {
  const publicKey = publicKeyFromSeed(seed);
  return { kid, publicKey, sign: signWithSeed(seed) };
}

/**
 * The 32 bytes of the public key that belongs to a seed.
 *
 * @throws CanonError `MALFORMED` when the seed is not 32 bytes
 */
export function publicKeyFromSeed(seed: Uint8Array): Uint8Array {
  if (seed.length !== 32) throw new CanonError('MALFORMED', `a seed of ${seed.length} bytes where 32 belong`);
  return derivePublicKey(seed);
}
