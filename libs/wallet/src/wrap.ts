import { CanonError, canonicalBytes, formatBase64, parseBase64, utf8 } from '@logline/canon-sign';
import type { Grant, GrantWrap } from '@logline/contracts';
import { WalletError } from './errors.ts';
import { HPKE_SUITE, parseHpkePrivateKey, parseHpkePublicKey, toBuffer } from './hpke-key.ts';
import { CONTENT_KEY_BYTES } from './seal.ts';

const INFO = 'logline/cek/v1';

/**
 * A content key, wrapped so that one runner can open it for one grant of one tenant. Not deterministic: HPKE brings its own ephemeral
 * key. The grant need not be signed yet, and wraps that it already has do not matter.
 *
 * @param hpkePublicKey - from a `registry.runner.add` proven in the log, never from elsewhere
 * @throws WalletError `MALFORMED` when the content key is not 32 bytes or the public key no X25519 key
 * @see protocol §6, RFC 9180 §6.1
 */
export async function wrapContentKey(params: {
  readonly contentKey: Uint8Array;
  readonly tenant: string;
  readonly runner: string;
  readonly hpkePublicKey: string;
  readonly grant: Omit<Grant, 'sig' | 'wraps'>;
}): Promise<GrantWrap> {
  const { contentKey, runner, hpkePublicKey } = params;
  if (contentKey.length !== CONTENT_KEY_BYTES)
    throw new WalletError('MALFORMED', 'a content key has 32 bytes');
  const recipientPublicKey = await parseHpkePublicKey(hpkePublicKey);
  const aad = associatedData(params);
  try {
    const { enc, ct } = await HPKE_SUITE.seal(
      { recipientPublicKey, info: toBuffer(utf8(INFO)) },
      toBuffer(contentKey),
      aad,
    );
    return { runner, enc: formatBase64(new Uint8Array(enc)), ct: formatBase64(new Uint8Array(ct)) };
  } catch (cause) {
    // 32 bytes that are a point of small order parse, and agree with everybody on the same secret
    throw new WalletError('MALFORMED', `nothing can be wrapped for the public key of ${runner}`, { cause });
  }
}

/**
 * The content key in a wrap, for the runner the wrap names.
 *
 * @throws WalletError `WRAP_UNREADABLE` when it was wrapped for another key, runner, tenant or grant, or was changed
 * @throws WalletError `MALFORMED` when the private key is not one
 */
export async function unwrapContentKey(params: {
  readonly wrap: GrantWrap;
  readonly tenant: string;
  readonly hpkePrivateKey: string;
  readonly grant: Omit<Grant, 'sig' | 'wraps'>;
}): Promise<Uint8Array> {
  const { wrap, tenant, grant } = params;
  const recipientKey = await parseHpkePrivateKey(params.hpkePrivateKey);
  try {
    const enc = toBuffer(parseBase64(wrap.enc));
    const ct = toBuffer(parseBase64(wrap.ct));
    const aad = associatedData({ tenant, runner: wrap.runner, grant });
    const contentKey = new Uint8Array(
      await HPKE_SUITE.open({ recipientKey, enc, info: toBuffer(utf8(INFO)) }, ct, aad),
    );
    if (contentKey.length === CONTENT_KEY_BYTES) return contentKey;
  } catch (cause) {
    throw unreadable(cause);
  }
  throw unreadable();
}

/** JCS of {tenant, runner, grant without wraps and sig}. */
function associatedData(params: {
  readonly tenant: string;
  readonly runner: string;
  readonly grant: Partial<Grant>;
}): ArrayBuffer {
  const { sig: _sig, wraps: _wraps, ...grant } = params.grant;
  try {
    return toBuffer(canonicalBytes({ tenant: params.tenant, runner: params.runner, grant }));
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new WalletError('MALFORMED', 'the grant is not plain JSON', { cause });
  }
}

function unreadable(cause?: unknown): WalletError {
  return new WalletError(
    'WRAP_UNREADABLE',
    'the content key does not open: wrapped for another runner, grant or tenant, or changed',
    { cause },
  );
}
