import { createRequire } from 'node:module';

/** The part of sodium-native that is used here. Throws for buffers of a wrong length. */
type Sodium = {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
};

export type Ed25519 = {
  verifyCofactorless(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  publicKeyFromSeed(seed: Uint8Array): Uint8Array;
  signWithSeed(seed: Uint8Array): (message: Uint8Array) => Uint8Array;
};

/**
 * libsodium, where the optional package `sodium-native` is installed and works on this machine; null elsewhere. Twice as fast as OpenSSL, whose Ed25519
 * computes with 32-bit limbs; of what `isValidSignature` lets through it says the same (decision 0017).
 */
export function loadSodium(): Ed25519 | null {
  try {
    return overSodium(createRequire(import.meta.url)('sodium-native') as Sodium); // as its README says
  } catch {
    return null; // not installed, or no binary for this platform
  }
}

function overSodium(sodium: Sodium): Ed25519 {
  const keyPair = (seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } => {
    const publicKey = new Uint8Array(32);
    const secretKey = new Uint8Array(64);
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
    return { publicKey, secretKey };
  };
  return {
    verifyCofactorless: (publicKey, message, signature) =>
      sodium.crypto_sign_verify_detached(signature, message, publicKey),
    publicKeyFromSeed: (seed) => keyPair(seed).publicKey,
    signWithSeed: (seed) => {
      const { secretKey } = keyPair(seed);
      return (message) => {
        const signature = new Uint8Array(64);
        sodium.crypto_sign_detached(signature, message, secretKey);
        return signature;
      };
    },
  };
}
