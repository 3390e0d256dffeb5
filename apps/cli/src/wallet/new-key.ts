import { formatHex, publicKeyFromSeed } from '@logline/canon-sign';
import { formatInstant, isIntent } from '@logline/contracts';
import type { SigningKey } from '@logline/wallet';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';

const KID = /^[A-Za-z0-9._-]{1,64}$/;

/** A fresh Ed25519 key; without a name it is called after its public half. */
export function newKey(io: Io, kid?: string): SigningKey {
  const seed = io.random(32);
  const pub = formatHex(publicKeyFromSeed(seed));
  const name = kid ?? `kid_${pub.slice(0, 12)}`;
  if (!KID.test(name) || isIntent(name)) {
    throw new CliError('USAGE', `${JSON.stringify(name)} cannot name a key`, {
      fix: 'use letters, digits, dots, dashes and underscores',
    });
  }
  return { kid: name, seed: formatHex(seed), pub, created: formatInstant(io.nowMs()) };
}
