import { blake3 } from '@noble/hashes/blake3.js';

/** BLAKE3 in JavaScript: nothing to load before the first hash. */
export function hash(bytes: Uint8Array): Uint8Array {
  return blake3(bytes);
}
