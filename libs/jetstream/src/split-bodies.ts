import { MAX_ENVELOPE_BYTES, MAX_ENVELOPE_SPANS } from '@logline/contracts';

/** What one span's entry in an envelope's header may cost, verdict reads and writes included. */
const ENTRY_BYTES = 64;
/** What a request's own header may cost. */
const REQUEST_BYTES = 2 * 1024;

export type Range = { readonly from: number; readonly to: number };

/** Ranges of a request's spans, in order, that each fit one envelope: ≤ 128 spans, ≤ 512 KiB. A span alone always fits. */
export function splitBodies(lengths: readonly number[]): readonly Range[] {
  const ranges: Range[] = [];
  let from = 0;
  let bytes = REQUEST_BYTES;
  lengths.forEach((length, index) => {
    const cost = length + ENTRY_BYTES;
    const isFull = index - from >= MAX_ENVELOPE_SPANS || bytes + cost > MAX_ENVELOPE_BYTES;
    if (isFull && index > from) {
      ranges.push({ from, to: index });
      from = index;
      bytes = REQUEST_BYTES;
    }
    bytes += cost;
  });
  if (lengths.length > from) ranges.push({ from, to: lengths.length });
  return ranges;
}
