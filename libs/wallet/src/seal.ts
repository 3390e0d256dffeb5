import { blake3Hash, utf8 } from '@logline/canon-sign';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { WalletError } from './errors.ts';

export const CONTENT_KEY_BYTES = 32;
export const ARTIFACT_NONCE_BYTES = 24;
const TAG_BYTES = 16;

/** The container of an artifact: what its bytes are bound to. */
export type ArtifactPlace = { readonly tenant: string; readonly artifactId: string };

/**
 * The sealed bytes of an artifact: nonce(24) ‖ ciphertext ‖ tag by XChaCha20-Poly1305, with `<tenant>/<artifact id>` as associated
 * data. `contentKey` and `nonce` must be fresh random bytes; a pair must never seal twice.
 *
 * @throws WalletError `MALFORMED` when the key is not 32 bytes or the nonce not 24
 * @see protocol §6
 */
export function sealArtifact(
  artifact: ArtifactPlace & {
    readonly plaintext: Uint8Array;
    readonly contentKey: Uint8Array;
    readonly nonce: Uint8Array;
  },
): Uint8Array {
  const { plaintext, contentKey, nonce } = artifact;
  if (contentKey.length !== CONTENT_KEY_BYTES || nonce.length !== ARTIFACT_NONCE_BYTES) {
    throw new WalletError('MALFORMED', 'an artifact is sealed with a key of 32 bytes and a nonce of 24');
  }
  const ciphertext = xchacha20poly1305(contentKey, nonce, associatedData(artifact)).encrypt(plaintext);
  const sealed = new Uint8Array(nonce.length + ciphertext.length);
  sealed.set(nonce);
  sealed.set(ciphertext, nonce.length);
  return sealed;
}

/**
 * The plaintext of a sealed artifact.
 *
 * @throws WalletError `MALFORMED` when the key is not 32 bytes
 * @throws WalletError `ARTIFACT_UNREADABLE` when the bytes are too short, were changed, or belong to another key, tenant or id
 */
export function openArtifact(
  artifact: ArtifactPlace & { readonly sealed: Uint8Array; readonly contentKey: Uint8Array },
): Uint8Array {
  const { sealed, contentKey } = artifact;
  if (contentKey.length !== CONTENT_KEY_BYTES)
    throw new WalletError('MALFORMED', 'a content key has 32 bytes');
  if (sealed.length < ARTIFACT_NONCE_BYTES + TAG_BYTES) throw unreadable();
  const nonce = sealed.subarray(0, ARTIFACT_NONCE_BYTES);
  try {
    return xchacha20poly1305(contentKey, nonce, associatedData(artifact)).decrypt(
      sealed.subarray(ARTIFACT_NONCE_BYTES),
    );
  } catch (cause) {
    throw unreadable(cause);
  }
}

/** What manifests and grants name: the hash of the sealed bytes, never of the secret. */
export function hashArtifact(sealed: Uint8Array): string {
  return blake3Hash(sealed);
}

function associatedData({ tenant, artifactId }: ArtifactPlace): Uint8Array {
  return utf8(`${tenant}/${artifactId}`);
}

function unreadable(cause?: unknown): WalletError {
  return new WalletError(
    'ARTIFACT_UNREADABLE',
    'the sealed artifact does not open: other key, other place, or changed bytes',
    { cause },
  );
}
