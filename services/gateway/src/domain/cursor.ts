import { formatBase64url, parseBase64url, utf8 } from '@logline/canon-sign';
import { GatewayError } from '../errors.ts';

/** A cursor stands behind one log index, the same in queries and on streams. Opaque to clients. */
const FORM = /^c1\.(-1|0|[1-9][0-9]{0,15})$/;

/** @param index - the last log index that was seen; −1 for none */
export function formatCursor(index: number): string {
  return formatBase64url(utf8(`c1.${index}`));
}

/** @throws GatewayError `400_BAD_REQUEST` for anything that is no cursor of ours */
export function parseCursor(cursor: string): number {
  const match = FORM.exec(decode(cursor));
  const index = Number(match?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(index))
    throw new GatewayError('400_BAD_REQUEST', 'not a cursor: take it from a query or a stream');
  return index;
}

function decode(cursor: string): string {
  try {
    return new TextDecoder().decode(parseBase64url(cursor));
  } catch {
    return '';
  }
}
