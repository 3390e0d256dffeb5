import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

/** SHA-256 of `bytes`, where there is no Node: WebCrypto is asynchronous, and a tree is hashed in thousands of small steps. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}
