const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;

/** The JSON array of elements that are JSON already, copied once. */
export function toJsonArray(elements: readonly Uint8Array[]): Buffer {
  const size = elements.reduce((sum, { length }) => sum + length + 1, 1);
  const bytes = Buffer.allocUnsafe(Math.max(2, size));
  let offset = 0;
  for (const element of elements) {
    bytes[offset] = offset === 0 ? OPEN : COMMA;
    bytes.set(element, offset + 1);
    offset += element.length + 1;
  }
  if (elements.length === 0) bytes[offset++] = OPEN;
  bytes[offset] = CLOSE;
  return bytes;
}
