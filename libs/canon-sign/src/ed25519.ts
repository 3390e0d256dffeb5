import { verifyCofactorless } from '#ed25519';

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
const groupOrder = Uint8Array.of(
  ...[0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10],
);

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
  Uint8Array.of(1, ...new Uint8Array(31)),
  Uint8Array.of(0xec, ...new Uint8Array(30).fill(0xff), 0x7f),
  new Uint8Array(32),
  Uint8Array.of(
    ...[0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0],
    ...[0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05],
  ),
  Uint8Array.of(
    ...[0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f],
    ...[0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a],
  ),
];
