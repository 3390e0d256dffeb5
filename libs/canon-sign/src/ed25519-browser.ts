import { getPublicKey, hashes, Point, sign } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';

hashes.sha512 = sha512; // noble's synchronous half brings no SHA-512 of its own

/** RFC 8032 §5.1.7 without the cofactor: R' = [S]B - [k]A, encoded, must be R byte for byte. noble's own verify has the cofactor. */
export function verifyCofactorless(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encodedR = signature.subarray(0, 32);
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(encodedR);
  hashed.set(publicKey, 32);
  hashed.set(message, 64);
  const k = toInteger(sha512(hashed)) % Point.CURVE().n;
  const s = toInteger(signature.subarray(32));
  const minusA = Point.fromBytes(publicKey, false).negate();
  const expected = Point.BASE.multiply(s, false).add(minusA.multiply(k, false)).toBytes();
  return expected.every((byte, i) => byte === encodedR[i]);
}

export function publicKeyFromSeed(seed: Uint8Array): Uint8Array {
  return getPublicKey(seed);
}

/** A function that signs with this seed. */
export function signWithSeed(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
  const own = new Uint8Array(seed); // slice() of a Buffer would be a view
  return (message) => sign(message, own);
}

function toInteger(littleEndian: Uint8Array): bigint {
  let integer = 0n;
  for (let i = littleEndian.length - 1; i >= 0; i--) integer = (integer << 8n) | BigInt(littleEndian[i] ?? 0);
  return integer;
}
