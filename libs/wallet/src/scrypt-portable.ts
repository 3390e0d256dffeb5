import { scrypt as nobleScrypt } from '@noble/hashes/scrypt.js';
import type { ScryptCost } from './lock.ts';

/** In JavaScript, for where there is no `node:crypto`. */
export function scrypt(passphrase: Uint8Array, salt: Uint8Array, { n, r, p }: ScryptCost): Uint8Array {
  return nobleScrypt(passphrase, salt, { N: n, r, p, dkLen: 32, maxmem: 2 ** 29 });
}
