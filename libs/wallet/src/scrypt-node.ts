import { scryptSync } from 'node:crypto';
import type { ScryptCost } from './lock.ts';

/** By OpenSSL: half the time, and every command that opens a wallet waits for it. */
export function scrypt(passphrase: Uint8Array, salt: Uint8Array, { n, r, p }: ScryptCost): Uint8Array {
  return new Uint8Array(scryptSync(passphrase, salt, 32, { N: n, r, p, maxmem: 2 ** 29 }));
}
