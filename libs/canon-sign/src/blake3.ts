import { hash } from '#blake3';
import { formatHex } from './bytes.ts';

/** The BLAKE3 hash of the bytes, 32 of them. */
export function blake3Digest(bytes: Uint8Array): Uint8Array {
  return hash(bytes);
}

/** The BLAKE3 hash as the protocol writes it: `blake3:<64 hex>`. Protocol §2. */
export function blake3Hash(bytes: Uint8Array): string {
  return `blake3:${formatHex(hash(bytes))}`;
}
