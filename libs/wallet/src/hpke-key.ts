import { CanonError, formatHex, parseHex } from '@logline/canon-sign';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { WalletError } from './errors.ts';

/** DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: ids 0x20, 1, 2 (RFC 9180 §7, protocol §6). */
export const HPKE_SUITE: CipherSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** Both halves as 32 bytes in lower-case hex. The public one stands in `registry.runner.add`; the private one never leaves its runner. */
export type HpkeKeyPair = { readonly privateKey: string; readonly publicKey: string };

/**
 * The key pair of RFC 9180 §7.1.3 `DeriveKeyPair`: the same 32 bytes of key material give the same pair.
 *
 * @param keyMaterial - 32 fresh random bytes, or a secret seed
 * @throws WalletError `MALFORMED` when there are not 32 bytes
 */
export async function deriveHpkeKeyPair(keyMaterial: Uint8Array): Promise<HpkeKeyPair> {
  if (keyMaterial.length !== 32)
    throw new WalletError('MALFORMED', 'an HPKE key pair is derived from 32 bytes');
  const pair = await HPKE_SUITE.kem.deriveKeyPair(toBuffer(keyMaterial));
  return {
    privateKey: formatHex(new Uint8Array(await HPKE_SUITE.kem.serializePrivateKey(pair.privateKey))),
    publicKey: formatHex(new Uint8Array(await HPKE_SUITE.kem.serializePublicKey(pair.publicKey))),
  };
}

/** @throws WalletError `MALFORMED` for anything but 64 hex of a usable public key */
export async function parseHpkePublicKey(hex: string): Promise<CryptoKey> {
  const bytes = parseKeyBytes(hex);
  try {
    return await HPKE_SUITE.kem.deserializePublicKey(toBuffer(bytes));
  } catch (cause) {
    throw new WalletError('MALFORMED', 'not an X25519 public key', { cause });
  }
}

/** @throws WalletError `MALFORMED` for anything but 64 hex; the message does not repeat it */
export async function parseHpkePrivateKey(hex: string): Promise<CryptoKey> {
  const bytes = parseKeyBytes(hex);
  try {
    return await HPKE_SUITE.kem.deserializePrivateKey(toBuffer(bytes));
  } catch (cause) {
    throw new WalletError('MALFORMED', 'not an X25519 private key', { cause });
  }
}

/** WebCrypto takes whole ArrayBuffers; a view may share its buffer with other bytes. */
export function toBuffer(bytes: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

function parseKeyBytes(hex: string): Uint8Array {
  try {
    return parseHex(hex, 32);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new WalletError('MALFORMED', 'an X25519 key is 64 lower-case hex digits', { cause });
  }
}
