import {
  createPrivateKey,
  createPublicKey,
  sign as signBytes,
  verify as verifyBytes,
  type KeyObject,
} from 'node:crypto';

// DER of an Ed25519 key (RFC 8410) up to the 32 bytes of the key itself
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

// importing a key costs a good part of a verification, and the same few keys sign nearly everything
const MAX_CACHED_KEYS = 4096;
const cachedKeys = new Map<string, KeyObject>();

/** OpenSSL's verdict: cofactorless, and lenient about points, which `isValidSignature` has already looked at. */
export function verifyCofactorless(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verifyBytes(null, message, importPublicKey(publicKey), signature);
}

export function publicKeyFromSeed(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(importSeed(seed)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(SPKI_PREFIX.length));
}

/** A function that signs with this seed, so that the key is imported once. */
export function signWithSeed(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
  const key = importSeed(seed);
  return (message) => new Uint8Array(signBytes(null, message, key));
}

function importSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

function importPublicKey(publicKey: Uint8Array): KeyObject {
  const hex = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('hex');
  let key = cachedKeys.get(hex);
  if (key) {
    cachedKeys.delete(hex); // set again below, as the one used last
  } else {
    key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
    const [oldest] = cachedKeys.keys();
    if (cachedKeys.size >= MAX_CACHED_KEYS && oldest !== undefined) cachedKeys.delete(oldest);
  }
  cachedKeys.set(hex, key);
  return key;
}
