import { verifyCofactorless } from '#ed25519';
import { parseHex } from './bytes.ts';

/**
 * Whether `signature` (64 bytes) is a strict Ed25519 signature of `message` by `publicKey` (32 bytes): the same verdict in
 * every language. Refuses S >= L, and A or R that are not canonical or of small order, then asks the platform's cofactorless
 * check. Never throws: a key or signature of the wrong size is simply not valid.
 *
 * @see RFC 8032 §5.1.7, protocol §2; the rule equals the "strict" of dalek and libsodium on ed25519-speccheck and Wycheproof
 */
export function isValidSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    if (!isReducedScalar(signature.subarray(32))) return false;
    if (!isStrictPoint(publicKey) || !isStrictPoint(signature.subarray(0, 32))) return false;
    return verifyCofactorless(publicKey, message, signature);
  } catch {
    return false;
  }
}

// L = 2^252 + 27742317777372353535851937790883648493, little-endian
const groupOrder = parseHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/** S < L, both little-endian. Without it every signature has a second spelling (RFC 8032 §8.4). */
function isReducedScalar(scalar: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (scalar[i] ?? 0) - (groupOrder[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** y < p, and not one of the points whose multiples are few: a key of small order signs everything. */
function isStrictPoint(encoded: Uint8Array): boolean {
  const y = new Uint8Array(encoded); // slice() of a Buffer would be a view
  y[31] = (y[31] ?? 0) & 0x7f; // the sign of x
  return !isPastField(y) && !smallOrder.some((point) => point.every((byte, i) => byte === y[i]));
}

/** y >= p = 2^255 - 19. */
function isPastField(y: Uint8Array): boolean {
  if ((y[0] ?? 0) < 0xed || y[31] !== 0x7f) return false;
  for (let i = 1; i < 31; i++) if (y[i] !== 0xff) return false;
  return true;
}

// the y of the points of order 1, 2, 4 and 8 whose encoding is canonical; isPastField has taken the others
const smallOrder: readonly Uint8Array[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => parseHex(hex, 32));
