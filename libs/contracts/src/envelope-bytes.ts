import { utf8 } from '@logline/canon-sign';
import { ContractError } from './errors.ts';

/** A body that is written where it will lie. */
export type Body = { readonly length: number; readonly write: (to: Uint8Array) => void };

/** u32 big-endian length of the head ‖ head ‖ bodies, one after the other. */
export function joinHeadAndBodies(text: string, bodies: readonly Body[]): Uint8Array {
  const head = utf8(text);
  let size = 4 + head.length;
  for (const { length } of bodies) size += length;
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, head.length);
  bytes.set(head, 4);
  let offset = 4 + head.length;
  for (const { length, write } of bodies) write(bytes.subarray(offset, (offset += length)));
  return bytes;
}

/** @throws ContractError `BAD_ENVELOPE` */
export function splitHead(bytes: Uint8Array): { readonly head: unknown; readonly rest: Uint8Array } {
  if (bytes.length < 4) throw badEnvelope('it is shorter than its length field');
  const headLength = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  if (headLength > bytes.length - 4) throw badEnvelope('its header runs past its end');
  return { head: parseJson(bytes.subarray(4, 4 + headLength)), rest: bytes.subarray(4 + headLength) };
}

/** @throws ContractError `BAD_ENVELOPE` */
export function splitBodies(rest: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let offset = 0;
  const bodies = lengths.map((length) => rest.subarray(offset, (offset += length)));
  if (offset !== rest.length) throw badEnvelope('its bodies do not add up to its length');
  return bodies;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ContractError('BAD_ENVELOPE', 'not an envelope: its header is not JSON', { cause });
  }
}

export function badEnvelope(why: string): ContractError {
  return new ContractError('BAD_ENVELOPE', `not an envelope: ${why}`);
}
