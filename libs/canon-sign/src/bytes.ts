import { CanonError } from './errors.ts';

const encoder = new TextEncoder();

/**
 * The UTF-8 bytes of a text.
 *
 * @throws CanonError `LONE_SURROGATE` where half a surrogate pair would silently become U+FFFD
 */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed())
    throw new CanonError('LONE_SURROGATE', 'a text with half a surrogate pair has no UTF-8');
  return encoder.encode(text);
}

/**
 * The bytes that lower-case hex spells.
 *
 * @throws CanonError `MALFORMED` for anything but pairs of `0-9a-f`, or when there are not `byteLength` of them
 */
export function parseHex(text: string, byteLength?: number): Uint8Array {
  if (text.length % 2 !== 0 || /[^0-9a-f]/.test(text))
    throw new CanonError('MALFORMED', 'not lower-case hex');
  const bytes = new Uint8Array(text.length / 2);
  if (byteLength !== undefined && bytes.length !== byteLength) {
    throw new CanonError('MALFORMED', `${bytes.length} bytes of hex where ${byteLength} belong`);
  }
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The bytes as lower-case hex. */
export function formatHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexPairs[byte];
  return text;
}

/**
 * The bytes of RFC 4648 §4 base64: padded, no white space, and zero in the bits that padding leaves over, so that one value
 * has one spelling.
 *
 * @throws CanonError `MALFORMED` for anything else
 */
export function parseBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const body = text.slice(0, text.length - padding);
  // the last digit before padding carries 4 or 2 bits that say nothing
  const isTailZero = padding === 0 || (padding === 1 ? /[AEIMQUYcgkosw048]$/ : /[AQgw]$/).test(body);
  if (text.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(body) || !isTailZero) {
    throw new CanonError('MALFORMED', 'not padded base64 (RFC 4648 §4)');
  }
  // as in formatBase64
  return typeof Buffer === 'undefined' ? fromBinary(atob(text)) : new Uint8Array(Buffer.from(text, 'base64'));
}

/** The bytes as RFC 4648 §4 base64, padded. */
export function formatBase64(bytes: Uint8Array): string {
  // a proof is a dozen of these, and where there is a Buffer it is ten times faster
  return typeof Buffer === 'undefined'
    ? btoa(toBinary(bytes))
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * The bytes of RFC 4648 §5 base64url without padding, one spelling for one value.
 *
 * @throws CanonError `MALFORMED` for anything else
 */
export function parseBase64url(text: string): Uint8Array {
  if (/[^A-Za-z0-9_-]/.test(text)) throw new CanonError('MALFORMED', 'not unpadded base64url (RFC 4648 §5)');
  const padding = '='.repeat((4 - (text.length % 4)) % 4);
  return parseBase64(text.replaceAll('-', '+').replaceAll('_', '/') + padding);
}

/** The bytes as RFC 4648 §5 base64url, without padding. */
export function formatBase64url(bytes: Uint8Array): string {
  return formatBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBinary(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function toBinary(bytes: Uint8Array): string {
  // in pieces, because a call takes only so many arguments
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8192)
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return binary;
}
