import { formatBase64, isValidSignature, utf8 } from '@logline/canon-sign';
import { TlogError } from './errors.ts';
import { decodeBase64, keyIdOf, type NoteKey, type NoteSignature, parseNote } from './note.ts';
import { MAX_TREE_SIZE } from './tree.ts';

/** Signature type byte of a timestamped Ed25519 cosignature: the only type of cosignature this package makes and verifies. */
const COSIGNATURE = 0x04;
const TIMESTAMP_BYTES = 8;
const SIGNATURE_BYTES = 64;

/** A key of somebody who cosigns checkpoints of others: a witness or a mirror. Never a key that notes are signed with. */
export interface CosignerKey {
  readonly name: string;
  /** Four bytes as 8 lower-case hex digits. */
  readonly keyId: string;
  /** 32 bytes, Ed25519. No two cosigners may share it: a cosignature does not say by whom it is. */
  readonly cosignerKey: Uint8Array;
}

/** One verified cosignature: who, and when it says it saw the checkpoint as the newest. */
export interface Cosignature {
  readonly cosigner: CosignerKey;
  /** POSIX seconds. */
  readonly seconds: bigint;
  readonly signature: NoteSignature;
}

/**
 * The key as the text that people pin and exchange: `name+keyId+base64(0x04 ‖ public key)`. Pairs with {@link parseCosignerKey}.
 * @throws TlogError `MALFORMED_KEY` if the name is empty or has spaces or `+`, or the key is not 32 bytes
 */
export function formatCosignerKey(name: string, publicKey: Uint8Array): string {
  const { keyId } = toCosignerKey(name, publicKey);
  return `${name}+${keyId}+${formatBase64(typed(publicKey))}`;
}

/**
 * @throws TlogError `MALFORMED_KEY` if the text has another form, the key is of another type than Ed25519 cosignatures
 *   (0x04), or the key id is not that of name and key
 */
export function parseCosignerKey(text: string): CosignerKey {
  const [, name, keyId, key] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,64})$/.exec(text) ?? [];
  if (name === undefined || keyId === undefined || key === undefined)
    throw new TlogError('MALFORMED_KEY', 'a cosigner key is <name>+<8 hex digits>+<base64>');
  const bytes = decodeBase64(key, 'MALFORMED_KEY');
  if (bytes[0] !== COSIGNATURE)
    throw new TlogError(
      'MALFORMED_KEY',
      `a key of type ${bytes[0] ?? 'none'} makes no cosignatures that are read here; only Ed25519 (4) does`,
    );
  const cosigner = toCosignerKey(name, bytes.slice(1));
  if (cosigner.keyId !== keyId)
    throw new TlogError(
      'MALFORMED_KEY',
      'the key id is not that of this name and key: one of the three was changed',
    );
  return cosigner;
}

/** @throws TlogError `MALFORMED_KEY` as {@link formatCosignerKey} does */
export function toCosignerKey(name: string, publicKey: Uint8Array): CosignerKey {
  if (publicKey.length !== 32)
    throw new TlogError('MALFORMED_KEY', `an Ed25519 public key has 32 bytes, not ${publicKey.length}`);
  return { name, keyId: keyIdOf(name, typed(publicKey)), cosignerKey: publicKey };
}

/**
 * "At `seconds` this was the newest checkpoint of its log that I know, and it is consistent with all before": whether
 * that is true is the caller's to hold. The signature line covers the whole text, extension lines too.
 *
 * @throws TlogError `OUT_OF_RANGE` unless `0 <= seconds < 2^63`; `MALFORMED_KEY` as {@link formatCosignerKey} does
 * @see C2SP tlog-cosignature, "Format"
 */
export function cosign(text: string, { name, signer }: NoteKey, seconds: bigint): NoteSignature {
  if (seconds < 0n || seconds > MAX_TREE_SIZE)
    throw new TlogError('OUT_OF_RANGE', `${seconds} is no time in POSIX seconds below 2^63`);
  const { keyId } = toCosignerKey(name, signer.publicKey);
  const signature = new Uint8Array(TIMESTAMP_BYTES + SIGNATURE_BYTES);
  new DataView(signature.buffer).setBigUint64(0, seconds);
  signature.set(signer.sign(messageOf(text, seconds)), TIMESTAMP_BYTES);
  return { name, keyId, signature };
}

/**
 * The cosignatures by any of `cosigners` under a note, in its order; none is an answer too. Lines by others, and of other
 * types, are ignored. That the note is by its log is for `verifyCheckpoint` to say.
 *
 * @throws TlogError `MALFORMED_NOTE` if it is not a signed note
 * @throws TlogError `SIGNATURE_INVALID` if a line that claims to be by one of `cosigners` is not
 * @see C2SP tlog-cosignature, C2SP signed-note
 */
export function cosignaturesOf(note: string, cosigners: readonly CosignerKey[]): Cosignature[] {
  const { text, signatures } = parseNote(note);
  return signatures.flatMap((signature) =>
    cosigners
      .filter(({ name, keyId }) => name === signature.name && keyId === signature.keyId)
      .map((cosigner) => ({ cosigner, seconds: verify(text, signature, cosigner), signature })),
  );
}

function verify(
  text: string,
  { name, keyId, signature }: NoteSignature,
  { cosignerKey }: CosignerKey,
): bigint {
  const isWhole = signature.length === TIMESTAMP_BYTES + SIGNATURE_BYTES;
  const view = new DataView(signature.buffer, signature.byteOffset, signature.byteLength);
  const seconds = isWhole ? view.getBigUint64(0) : -1n;
  if (
    seconds < 0n ||
    seconds > MAX_TREE_SIZE ||
    !isValidSignature(cosignerKey, messageOf(text, seconds), signature.subarray(TIMESTAMP_BYTES))
  ) {
    throw new TlogError(
      'SIGNATURE_INVALID',
      `the cosignature by ${name} (${keyId}) is not of this text by that key`,
    );
  }
  return seconds;
}

function messageOf(text: string, seconds: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
}

function typed(publicKey: Uint8Array): Uint8Array {
  return Uint8Array.of(COSIGNATURE, ...publicKey);
}
