import * as openssl from './ed25519-openssl.ts';
import { loadSodium, type Ed25519 } from './ed25519-sodium.ts';

let chosen: Ed25519 | undefined;

/** Looked for at the first signature: a command that checks none should not pay for it. */
function platform(): Ed25519 {
  return (chosen ??= loadSodium() ?? openssl);
}

/** RFC 8032 §5.1.7 without the cofactor, of points that `isValidSignature` has looked at. */
export function verifyCofactorless(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return platform().verifyCofactorless(publicKey, message, signature);
}

export function publicKeyFromSeed(seed: Uint8Array): Uint8Array {
  return platform().publicKeyFromSeed(seed);
}

/** A function that signs with this seed, so that the key is imported once. */
export function signWithSeed(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
  return platform().signWithSeed(seed);
}
