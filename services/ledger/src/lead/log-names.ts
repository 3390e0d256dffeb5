import type { LocalSigner } from '@logline/canon-sign';
import { formatVkey } from '@logline/tlog';
import { Lru } from '../append/lru.ts';
import type { LogName } from '../domain/log-keys.ts';

const MOST_NAMES = 2_000;

/** What each tenant's log is called here, and by which keys this process can sign it. */
export function logNames(
  ledgerOrigin: string,
  signer: LocalSigner,
  otherSigner: LocalSigner | undefined,
): (tenant: string) => LogName {
  const names = new Lru<LogName>(MOST_NAMES);
  return (tenant) => {
    const known = names.get(tenant);
    if (known !== undefined) return known;
    const origin = `${ledgerOrigin}/${tenant}`;
    const name = {
      origin,
      logKey: formatVkey(origin, signer.publicKey),
      otherLogKey: otherSigner && formatVkey(origin, otherSigner.publicKey),
    };
    names.set(tenant, name);
    return name;
  };
}
