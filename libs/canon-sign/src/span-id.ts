import { blake3Digest } from './blake3.ts';
import { formatHex, utf8 } from './bytes.ts';
import { CanonError } from './errors.ts';

/**
 * The id of a reaction: always the same for one cause, service and step, so that a redelivery says nothing new. Its time is
 * that of the cause, its other bits the BLAKE3 of the three lines.
 *
 * @param causeMs - when the cause happened, milliseconds UTC
 * @throws CanonError `MALFORMED` for a time outside 48 bits or a part with a line break
 */
export function spanIdFromCause(causeMs: number, cause: string, service: string, step: string): string {
  const parts = [cause, service, step];
  if (parts.some((part) => part.includes('\n')))
    throw new CanonError('MALFORMED', 'a part of a span id has a line break in it');
  return spanIdFromRandom(causeMs, blake3Digest(utf8(parts.join('\n'))).subarray(0, 10));
}

/** A new span id from the time and 10 random bytes. Throws as `uuidV7` does. */
export function spanIdFromRandom(ms: number, random: Uint8Array): string {
  return `urn:span:${uuidV7(ms, random)}`;
}

/**
 * The UUID version 7 of a time and 10 bytes, of which version and variant take 6 bits.
 *
 * @throws CanonError `MALFORMED` when `ms` is no integer of 48 bits or `random` is not 10 bytes
 * @see RFC 9562 §5.7
 */
export function uuidV7(ms: number, random: Uint8Array): string {
  if (!Number.isInteger(ms) || ms < 0 || ms >= 2 ** 48)
    throw new CanonError('MALFORMED', 'a time that UUID version 7 cannot hold');
  if (random.length !== 10)
    throw new CanonError('MALFORMED', `${random.length} random bytes where 10 belong`);
  const tail = new Uint8Array(random); // slice() of a Buffer would be a view
  tail[0] = 0x70 | ((tail[0] ?? 0) & 0x0f);
  tail[2] = 0x80 | ((tail[2] ?? 0) & 0x3f);
  const hex = ms.toString(16).padStart(12, '0') + formatHex(tail);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Whether a text is `urn:span:` and a lower-case UUID version 7. Protocol §1. */
export function isSpanId(text: string): boolean {
  return /^urn:span:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text);
}
