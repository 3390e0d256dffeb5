import {
  type LocalSigner,
  formatBase64,
  formatHex,
  isValidSignature,
  parseBase64,
  utf8,
} from '@logline/canon-sign';
import { sha256 } from '#sha256';
import { TlogError, type TlogErrorCode } from './errors.ts';

/** Signature type byte of plain Ed25519 over the note's text: the only type this package signs and verifies. */
const ED25519 = 0x01;

// What a verifier is prepared to read. The spec asks for 16 signatures at least, of which some may have 5 kB.
const MAX_NOTE_LENGTH = 1_000_000;
const MAX_SIGNATURES = 100;

const KEY_NAME = /^[^\s\u0085+]+$/u;

/** A key that notes are verified with. `name` and `keyId` together say which signature lines are meant to be by it. */
export interface Vkey {
  readonly name: string;
  /** Four bytes as 8 lower-case hex digits. */
  readonly keyId: string;
  /** 32 bytes, Ed25519. */
  readonly publicKey: Uint8Array;
}

/** A name to sign under, and the key to sign with. */
export interface NoteKey {
  readonly name: string;
  readonly signer: LocalSigner;
}

/** One line under a note. Not verified by being read. */
export interface NoteSignature {
  readonly name: string;
  /** Four bytes as 8 lower-case hex digits. */
  readonly keyId: string;
  /** What follows the key id; its form depends on the key's type. */
  readonly signature: Uint8Array;
}

/** A note as it stands, not verified. `text` ends in a newline, and is exactly what is signed. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The text of a note, and which of the trusted keys signed it: at least one. */
export interface VerifiedNote {
  readonly text: string;
  readonly signers: readonly Vkey[];
}

/**
 * The key as the text that people pin and exchange: `name+keyId+base64(0x01 ‖ public key)`. Pairs with {@link parseVkey}.
 * @throws TlogError `MALFORMED_KEY` if the name is empty or has spaces or `+`, or the key is not 32 bytes
 * @example
 * formatVkey('log.example/acme', signer.publicKey);
 */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  const { keyId } = toVkey(name, publicKey);
  return `${name}+${keyId}+${formatBase64(typed(publicKey))}`;
}

/**
 * @throws TlogError `MALFORMED_KEY` if the text has another form, the key is of another type than Ed25519 notes (0x01),
 *   or the key id is not that of name and key
 */
export function parseVkey(text: string): Vkey {
  const [, name, keyId, key] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,64})$/.exec(text) ?? [];
  if (name === undefined || keyId === undefined || key === undefined) {
    throw new TlogError('MALFORMED_KEY', 'a verifier key is <name>+<8 hex digits>+<base64>');
  }
  const bytes = decodeBase64(key, 'MALFORMED_KEY');
  if (bytes[0] !== ED25519)
    throw new TlogError(
      'MALFORMED_KEY',
      `keys of type ${bytes[0] ?? 'none'} are not supported; only Ed25519 (1) is`,
    );
  const vkey = toVkey(name, bytes.slice(1));
  if (vkey.keyId !== keyId)
    throw new TlogError(
      'MALFORMED_KEY',
      'the key id is not that of this name and key: one of the three was changed',
    );
  return vkey;
}

/** @throws TlogError `MALFORMED_KEY` as {@link formatVkey} does */
export function toVkey(name: string, publicKey: Uint8Array): Vkey {
  if (publicKey.length !== 32)
    throw new TlogError('MALFORMED_KEY', `an Ed25519 public key has 32 bytes, not ${publicKey.length}`);
  return { name, keyId: keyIdOf(name, typed(publicKey)), publicKey };
}

/**
 * The key id of a key whose bytes begin with its type, as 8 lower-case hex digits.
 * @throws TlogError `MALFORMED_KEY` if the name is empty or has spaces or `+`
 */
export function keyIdOf(name: string, typedKey: Uint8Array): string {
  if (!isKeyName(name))
    throw new TlogError(
      'MALFORMED_KEY',
      'a key name is not empty and has neither spaces nor + nor control characters',
    );
  const head = utf8(`${name}\n`);
  const input = new Uint8Array(head.length + typedKey.length);
  input.set(head);
  input.set(typedKey, head.length);
  return formatHex(sha256(input).subarray(0, 4));
}

/**
 * Bytes from outside as the text that {@link parseNote} and all that build on it take.
 * @throws TlogError `MALFORMED_NOTE` if they are not UTF-8
 */
export function decodeNote(bytes: Uint8Array): string {
  if (bytes.length > MAX_NOTE_LENGTH)
    throw new TlogError('MALFORMED_NOTE', `a note of ${bytes.length} bytes is longer than any that is read`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TlogError('MALFORMED_NOTE', 'the note is not UTF-8', { cause });
  }
}

/**
 * Splits a note into its text and its signatures, verifying none of them. Length and number of signatures are bounded.
 * @throws TlogError `MALFORMED_NOTE`
 * @see C2SP signed-note, "Format"
 */
export function parseNote(note: string): Note {
  if (note.length > MAX_NOTE_LENGTH)
    throw new TlogError(
      'MALFORMED_NOTE',
      `a note of ${note.length} characters is longer than any that is read`,
    );
  checkText(note);
  // the text may have empty lines of its own: it ends at the last one
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw new TlogError('MALFORMED_NOTE', 'the note has no empty line before its signatures');
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES)
    throw new TlogError('MALFORMED_NOTE', `more than ${MAX_SIGNATURES} signatures are not read`);
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

/**
 * Signature lines without the note they belong under, as a witness answers them. Length and number are bounded.
 * @throws TlogError `MALFORMED_NOTE`
 */
export function parseSignatureLines(text: string): readonly NoteSignature[] {
  if (text.startsWith('\n') || text.includes('\n\n'))
    throw new TlogError('MALFORMED_NOTE', 'there is an empty line among the signatures');
  return parseNote(`\n\n${text}`).signatures;
}

/**
 * @throws TlogError `MALFORMED_NOTE` if the text does not end in a newline or could not be read back,
 *   or if there is no signature
 */
export function formatNote({ text, signatures }: Note): string {
  checkText(text);
  if (signatures.length === 0 || signatures.length > MAX_SIGNATURES) {
    throw new TlogError(
      'MALFORMED_NOTE',
      `a note has 1 to ${MAX_SIGNATURES} signatures, not ${signatures.length}`,
    );
  }
  return `${text}\n${signatures.map(formatSignature).join('')}`;
}

/**
 * The note with one signature by each of `keys`. Ed25519 is deterministic: the same text and keys give the same note.
 * @throws TlogError `MALFORMED_NOTE` as {@link formatNote} does; `MALFORMED_KEY` as {@link formatVkey} does
 */
export function signNote(text: string, keys: readonly NoteKey[]): string {
  checkText(text);
  const message = utf8(text);
  const signatures = keys.map(({ name, signer }) => {
    const { keyId } = toVkey(name, signer.publicKey);
    return { name, keyId, signature: signer.sign(message) };
  });
  return formatNote({ text, signatures });
}

/**
 * The text of the note, once every signature that claims to be by one of `vkeys` is, and there is at least one.
 * Signatures by other keys are ignored, also those that share only a name or only an id with a key in `vkeys`.
 *
 * @throws TlogError `MALFORMED_NOTE` if it is not a signed note
 * @throws TlogError `UNKNOWN_KEY` if no signature is by any of `vkeys`
 * @throws TlogError `SIGNATURE_INVALID` if one that claims to be does not verify
 * @see C2SP signed-note, "Signatures"
 */
export function verifyNote(note: string, vkeys: readonly Vkey[]): VerifiedNote {
  const { text, signatures } = parseNote(note);
  const message = utf8(text);
  const signers = new Set<Vkey>();
  for (const { name, keyId, signature } of signatures) {
    for (const vkey of vkeys) {
      if (vkey.name !== name || vkey.keyId !== keyId) continue;
      if (!isValidSignature(vkey.publicKey, message, signature)) {
        throw new TlogError(
          'SIGNATURE_INVALID',
          `the signature by ${name} (${keyId}) is not of this text by that key`,
        );
      }
      signers.add(vkey);
    }
  }
  if (signers.size === 0)
    throw new TlogError('UNKNOWN_KEY', 'no signature of the note is by a key that is trusted here');
  return { text, signers: [...signers] };
}

/** Base64 from outside, in its one spelling. */
export function decodeBase64(text: string, code: TlogErrorCode): Uint8Array {
  try {
    return parseBase64(text);
  } catch (cause) {
    throw new TlogError(code, 'not padded base64 (RFC 4648 §4)', { cause });
  }
}

function parseSignature(line: string): NoteSignature {
  const [, name, blob] = /^— ([^ ]+) ([^ ]+)$/u.exec(line) ?? [];
  if (name === undefined || blob === undefined || !isKeyName(name)) {
    throw new TlogError('MALFORMED_NOTE', 'a line after the empty line is not a signature');
  }
  const bytes = decodeBase64(blob, 'MALFORMED_NOTE');
  if (bytes.length < 5) throw new TlogError('MALFORMED_NOTE', 'a signature is shorter than its key id');
  return { name, keyId: formatHex(bytes.subarray(0, 4)), signature: bytes.slice(4) };
}

/**
 * The line of one signature, with its newline.
 * @throws TlogError `MALFORMED_NOTE` if it could not be read back
 */
export function formatSignature({ name, keyId, signature }: NoteSignature): string {
  if (!isKeyName(name) || !/^[0-9a-f]{8}$/.test(keyId) || signature.length === 0) {
    throw new TlogError('MALFORMED_NOTE', 'a signature needs a key name, a key id and bytes');
  }
  const blob = new Uint8Array(4 + signature.length);
  new DataView(blob.buffer).setUint32(0, Number.parseInt(keyId, 16));
  blob.set(signature, 4);
  return `— ${name} ${formatBase64(blob)}\n`;
}

/** Text that can be a note or stand in one: ends in a newline, is Unicode, has no other control characters. */
function checkText(text: string): void {
  // eslint-disable-next-line no-control-regex -- the spec forbids exactly these
  if (!text.endsWith('\n') || !text.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(text)) {
    throw new TlogError(
      'MALFORMED_NOTE',
      'the text does not end in a newline, or has control characters or broken Unicode',
    );
  }
}

function isKeyName(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- the spec forbids exactly these
  return KEY_NAME.test(name) && name.isWellFormed() && !/[\u0000-\u001f]/.test(name);
}

function typed(publicKey: Uint8Array): Uint8Array {
  return Uint8Array.of(ED25519, ...publicKey);
}
