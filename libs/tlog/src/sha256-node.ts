import { hash } from 'node:crypto';

/** SHA-256 of `bytes`: the one-shot call of Node, the fastest there is for the 65 bytes of a tree node. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const digest = hash('sha256', bytes, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
}
