import { type JsonValue } from '@logline/canon-sign';
import { checkerOf, Hash, Id, Instant, Name, PublicKeyHex } from '@logline/contracts';
import Type from 'typebox';
import { WalletError } from './errors.ts';
import { parseApiToken } from './token.ts';

/** A signing key: Ed25519, its seed in the clear, which is why a wallet is locked. */
export type SigningKey = {
  readonly kid: string;
  readonly seed: string;
  readonly pub: string;
  readonly created: string;
};
/** An API token of one tenant. */
export type StoredToken = { readonly tenant: string; readonly token_id: string; readonly token: string };
/** What this wallet trusts about a tenant from now on, and the newest signed checkpoint it has seen of its log. */
export type TenantPin = {
  readonly tenant: string;
  readonly root: { readonly kid: string; readonly pub: string };
  readonly log_key: string;
  readonly checkpoint?: string;
};
/** The content key of a sealed artifact, kept so that it can be wrapped again for a runner that comes later. */
export type ContentKey = {
  readonly tenant: string;
  readonly artifact_id: string;
  readonly artifact_hash: string;
  readonly key: string;
  readonly created: string;
};

/** `ll.wallet.v1`: values only; every change gives a new one. */
export type Wallet = {
  readonly type: 'll.wallet.v1';
  readonly keys: readonly SigningKey[];
  readonly tokens: readonly StoredToken[];
  readonly pins: readonly TenantPin[];
  readonly vault: readonly ContentKey[];
};

const closed = { additionalProperties: false } as const;
const checker = checkerOf(
  Type.Object(
    {
      type: Type.Literal('ll.wallet.v1'),
      keys: Type.Array(
        Type.Object({ kid: Id, seed: PublicKeyHex, pub: PublicKeyHex, created: Instant }, closed),
      ),
      tokens: Type.Array(Type.Object({ tenant: Name, token_id: Id, token: Type.String() }, closed)),
      pins: Type.Array(
        Type.Object(
          {
            tenant: Name,
            root: Type.Object({ kid: Id, pub: PublicKeyHex }, closed),
            log_key: Type.String({ minLength: 1, maxLength: 512 }),
            checkpoint: Type.Optional(Type.String({ maxLength: 65_536 })),
          },
          closed,
        ),
      ),
      vault: Type.Array(
        Type.Object(
          { tenant: Name, artifact_id: Id, artifact_hash: Hash, key: PublicKeyHex, created: Instant },
          closed,
        ),
      ),
    },
    closed,
  ),
);

export function emptyWallet(): Wallet {
  return { type: 'll.wallet.v1', keys: [], tokens: [], pins: [], vault: [] };
}

/** @throws WalletError `MALFORMED` for anything but an `ll.wallet.v1`; the message holds no value of it */
export function parseWallet(value: JsonValue): Wallet {
  if (checker.check(value)) return value;
  const [first] = checker.faults(value);
  throw new WalletError(
    'MALFORMED',
    `not a wallet of a known version${first === undefined ? '' : `: ${first.pointer} ${first.message}`}`,
  );
}

/** @throws WalletError `KEY_EXISTS` when the kid is taken by another key; the same key again changes nothing */
export function addKey(wallet: Wallet, key: SigningKey): Wallet {
  const known = wallet.keys.find(({ kid }) => kid === key.kid);
  if (known === undefined) return { ...wallet, keys: [...wallet.keys, key] };
  if (known.pub !== key.pub)
    throw new WalletError('KEY_EXISTS', `the wallet has another key named ${key.kid}`);
  return wallet;
}

/**
 * The key of that id; without one, the wallet's first.
 *
 * @throws WalletError `KEY_MISSING`
 */
export function findKey(wallet: Wallet, kid?: string): SigningKey {
  const key = kid === undefined ? wallet.keys[0] : wallet.keys.find((candidate) => candidate.kid === kid);
  if (key === undefined) {
    throw new WalletError(
      'KEY_MISSING',
      kid === undefined ? 'the wallet has no key' : `the wallet has no key named ${kid}`,
    );
  }
  return key;
}

/**
 * The wallet with this token; an earlier one of the same id is replaced.
 *
 * @throws WalletError `MALFORMED` when the text is no API token
 */
export function addToken(wallet: Wallet, tenant: string, token: string): Wallet {
  const { tokenId } = parseApiToken(token);
  const stored = { tenant, token_id: tokenId, token };
  const at = wallet.tokens.findIndex((known) => known.tenant === tenant && known.token_id === tokenId);
  return { ...wallet, tokens: at < 0 ? [...wallet.tokens, stored] : wallet.tokens.with(at, stored) };
}

/** The wallet without the token of that id, for one that was refused or revoked. */
export function dropToken(wallet: Wallet, tenant: string, tokenId: string): Wallet {
  const tokens = wallet.tokens.filter((known) => known.tenant !== tenant || known.token_id !== tokenId);
  return tokens.length === wallet.tokens.length ? wallet : { ...wallet, tokens };
}

/** The first token of a tenant, or the one of that id; null when there is none. Later ones are made for others, or for less. */
export function findToken(wallet: Wallet, tenant: string, tokenId?: string): StoredToken | null {
  const matches = wallet.tokens.filter(
    (token) => token.tenant === tenant && (tokenId ?? token.token_id) === token.token_id,
  );
  return matches[0] ?? null;
}

/**
 * The wallet with this tenant's root and log key pinned. The same pin again keeps the checkpoint that is known.
 *
 * @throws WalletError `PIN_CONFLICT` when another root or log key is pinned already
 */
export function pinTenant(wallet: Wallet, pin: TenantPin): Wallet {
  const known = findPin(wallet, pin.tenant);
  if (known === null) return { ...wallet, pins: [...wallet.pins, pin] };
  if (known.root.pub !== pin.root.pub || known.log_key !== pin.log_key) {
    throw new WalletError(
      'PIN_CONFLICT',
      `another root or log key is pinned for ${pin.tenant}; if that is meant, use another wallet`,
    );
  }
  return pin.checkpoint === undefined ? wallet : setCheckpoint(wallet, pin.tenant, pin.checkpoint);
}

/** The wallet with nothing pinned for this tenant, for one that turned out not to be. */
export function unpinTenant(wallet: Wallet, tenant: string): Wallet {
  return { ...wallet, pins: wallet.pins.filter((pin) => pin.tenant !== tenant) };
}

/** Null when nothing is pinned for this tenant. */
export function findPin(wallet: Wallet, tenant: string): TenantPin | null {
  return wallet.pins.find((pin) => pin.tenant === tenant) ?? null;
}

/** The wallet with the newest checkpoint of a pinned tenant's log. That it extends the last one is for the caller to have verified. */
export function setCheckpoint(wallet: Wallet, tenant: string, checkpoint: string): Wallet {
  return {
    ...wallet,
    pins: wallet.pins.map((pin) => (pin.tenant === tenant ? { ...pin, checkpoint } : pin)),
  };
}

/** The wallet with this content key; the key of the same sealed bytes is replaced, keys of earlier sealings stay. */
export function addContentKey(wallet: Wallet, content: ContentKey): Wallet {
  const others = wallet.vault.filter(
    ({ tenant, artifact_hash }) => tenant !== content.tenant || artifact_hash !== content.artifact_hash,
  );
  return { ...wallet, vault: [...others, content] };
}

/** The content key of an artifact as last sealed, or of those exact sealed bytes; null when the vault has none. */
export function findContentKey(
  wallet: Wallet,
  tenant: string,
  artifactId: string,
  artifactHash?: string,
): ContentKey | null {
  const matches = wallet.vault.filter(
    (content) =>
      content.tenant === tenant &&
      content.artifact_id === artifactId &&
      (artifactHash ?? content.artifact_hash) === content.artifact_hash,
  );
  return matches.at(-1) ?? null;
}
