import { TEST_ORIGIN, testKey } from '@logline/testing';
import { formatVkey, parseVkey, type Vkey } from '@logline/tlog';

/** By which the receipts and checkpoints of a tenant's log verify. */
export function vkeyOf(tenant: string): Vkey {
  return parseVkey(formatVkey(`${TEST_ORIGIN}/${tenant}`, testKey('log').signer.publicKey));
}
