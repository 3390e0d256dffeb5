import { scrypt } from '#scrypt';
import {
  CanonError,
  canonicalBytes,
  formatHex,
  parseBase64,
  formatBase64,
  parseCanonical,
  parseHex,
  parseStrict,
  utf8,
} from '@logline/canon-sign';
import { checkerOf } from '@logline/contracts';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import Type from 'typebox';
import { parseWallet, type Wallet } from './document.ts';
import { WalletError } from './errors.ts';

/** Shorter passphrases are refused when a wallet is locked, not when one is opened. */
export const MIN_PASSPHRASE_LENGTH = 8;
/** Random bytes that `lockWallet` takes: salt(32) ‖ nonce(24). */
export const LOCK_RANDOM_BYTES = 56;
const SALT_BYTES = 32;
const MAX_LOCKED_BYTES = 8 * 1024 * 1024;

/** A fifth of a second on a laptop, 32 MiB. Kept in the file, so that it can be raised later. */
const DEFAULT_COST: ScryptCost = { n: 2 ** 15, r: 8, p: 1 };
/** Bounds on what a file may ask of its reader: at most 256 MiB and a few seconds. */
const COSTS = { n: [2 ** 15, 2 ** 16, 2 ** 17, 2 ** 18], r: 8, mostP: 4 } as const;

export type ScryptCost = { readonly n: number; readonly r: number; readonly p: number };

const checker = checkerOf(
  Type.Object(
    {
      type: Type.Literal('ll.wallet.locked.v1'),
      kdf: Type.Object(
        {
          name: Type.Literal('scrypt'),
          n: Type.Integer(),
          r: Type.Integer(),
          p: Type.Integer(),
          salt: Type.String(),
        },
        { additionalProperties: false },
      ),
      aead: Type.Literal('xchacha20-poly1305'),
      nonce: Type.String(),
      ct: Type.String(),
    },
    { additionalProperties: false },
  ),
);

/**
 * The wallet as it may lie on a disk: a JSON envelope around the wallet's canonical bytes, sealed by XChaCha20-Poly1305 under a key
 * that scrypt makes of the passphrase (taken in NFKC, so that keyboards agree). All of the envelope but the ciphertext is associated data.
 *
 * @param random - `LOCK_RANDOM_BYTES` fresh random bytes, never used twice
 * @throws WalletError `WEAK_PASSPHRASE`; `MALFORMED` when `random` has another length or the cost is out of bounds
 */
export function lockWallet(
  wallet: Wallet,
  passphrase: string,
  random: Uint8Array,
  cost: ScryptCost = DEFAULT_COST,
): Uint8Array {
  if (passphrase.length < MIN_PASSPHRASE_LENGTH) {
    throw new WalletError('WEAK_PASSPHRASE', `a passphrase has at least ${MIN_PASSPHRASE_LENGTH} characters`);
  }
  if (random.length !== LOCK_RANDOM_BYTES)
    throw new WalletError('MALFORMED', `locking takes ${LOCK_RANDOM_BYTES} random bytes`);
  verifyCost(cost);
  const salt = random.subarray(0, SALT_BYTES);
  const nonce = random.subarray(SALT_BYTES);
  const head = {
    type: 'll.wallet.locked.v1',
    kdf: { name: 'scrypt', ...cost, salt: formatHex(salt) },
    aead: 'xchacha20-poly1305',
    nonce: formatHex(nonce),
  };
  const key = stretch(passphrase, salt, cost);
  const ct = xchacha20poly1305(key, nonce, canonicalBytes(head)).encrypt(canonicalBytes(wallet));
  return canonicalBytes({ ...head, ct: formatBase64(ct) });
}

/**
 * The wallet that `lockWallet` made these bytes of.
 *
 * @throws WalletError `MALFORMED` when the bytes are no locked wallet, or ask for more or less work than is reasonable
 * @throws WalletError `WRONG_PASSPHRASE` for another passphrase and for a changed file alike: nobody can tell the two apart
 */
export function unlockWallet(bytes: Uint8Array, passphrase: string): Wallet {
  const { head, salt, nonce, ct, cost } = parseLocked(bytes);
  const key = stretch(passphrase, salt, cost);
  let plaintext: Uint8Array;
  try {
    plaintext = xchacha20poly1305(key, nonce, canonicalBytes(head)).decrypt(ct);
  } catch (cause) {
    throw new WalletError(
      'WRONG_PASSPHRASE',
      'the wallet does not open: the passphrase is another one, or the file was changed',
      { cause },
    );
  }
  try {
    return parseWallet(parseCanonical(plaintext));
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new WalletError('MALFORMED', 'the wallet opens, and holds no wallet', { cause });
  }
}

function parseLocked(bytes: Uint8Array): {
  readonly head: object;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ct: Uint8Array;
  readonly cost: ScryptCost;
} {
  try {
    const locked = parseStrict(bytes, { maxBytes: MAX_LOCKED_BYTES });
    if (!checker.check(locked)) throw new WalletError('MALFORMED', 'not a wallet file (ll.wallet.locked.v1)');
    const { ct, ...head } = locked;
    const { n, r, p, salt } = locked.kdf;
    const cost = { n, r, p };
    verifyCost(cost);
    return {
      head,
      salt: parseHex(salt, SALT_BYTES),
      nonce: parseHex(locked.nonce, LOCK_RANDOM_BYTES - SALT_BYTES),
      ct: parseBase64(ct),
      cost,
    };
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new WalletError('MALFORMED', `not a wallet file: ${cause.message}`, { cause });
  }
}

function verifyCost({ n, r, p }: ScryptCost): void {
  const isReasonable =
    COSTS.n.some((allowed) => allowed === n) &&
    r === COSTS.r &&
    Number.isInteger(p) &&
    p >= 1 &&
    p <= COSTS.mostP;
  if (!isReasonable)
    throw new WalletError('MALFORMED', 'scrypt takes N of 2^15 to 2^18, r of 8 and p of 1 to 4');
}

function stretch(passphrase: string, salt: Uint8Array, cost: ScryptCost): Uint8Array {
  return scrypt(utf8(passphrase.normalize('NFKC')), salt, cost);
}
