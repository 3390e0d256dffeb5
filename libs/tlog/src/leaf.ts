import { sha256 } from '#sha256';

// Hashing is synchronous and keeps nothing, so one buffer serves every entry that fits a bundle (65,535 bytes).
const scratch = new Uint8Array(1 + 65_535);

/**
 * The leaf hash of an entry: SHA-256(0x00 ‖ entry).
 * @see RFC 9162 §2.1.1
 */
export function leafHash(entry: Uint8Array): Uint8Array {
  const input = entry.length < scratch.length ? scratch : new Uint8Array(1 + entry.length);
  input[0] = 0x00;
  input.set(entry, 1);
  return sha256(input.subarray(0, 1 + entry.length));
}
