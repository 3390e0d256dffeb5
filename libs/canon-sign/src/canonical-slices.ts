// Canonical bytes hold no white space, and what is canonical is so in all its parts: the bytes of a part are a slice of those of the whole.

/**
 * The bytes of one member in the canonical bytes of an object, found without parsing the rest; undefined when it is not there. A path leads into objects only.
 * The result is a view. Only for bytes that are known to be canonical: of others it says anything.
 *
 * @example
 * memberBytes(utf8('{"a":{"b":[1]}}'), 'a', 'b'); // [1]
 */
export function memberBytes(bytes: Uint8Array, ...path: readonly string[]): Uint8Array | undefined {
  let at = 0;
  for (const name of path) {
    if (bytes[at] !== OPEN_OBJECT) return undefined;
    const key = encoder.encode(JSON.stringify(name));
    for (at++; ; at++) {
      if (bytes[at] !== QUOTE) return undefined; // the object is empty
      const colon = endOfString(bytes, at);
      const isWanted = isAt(bytes, key, at) && colon === at + key.length;
      at = colon + 1;
      if (isWanted) break;
      at = endOfValue(bytes, at);
      if (bytes[at] !== COMMA) return undefined;
    }
  }
  return bytes.subarray(at, endOfValue(bytes, at));
}

/** The bytes of each element in the canonical bytes of an array, as views; undefined when they are no array's. As `memberBytes`, only for what is canonical. */
export function elementBytes(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  if (bytes[0] !== OPEN_ARRAY) return undefined;
  const elements: Uint8Array[] = [];
  for (let at = 1; at < bytes.length - 1; at++) {
    const end = endOfValue(bytes, at);
    elements.push(bytes.subarray(at, end));
    at = end;
  }
  return elements;
}

const encoder = new TextEncoder();
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Behind the value that begins at `at`. */
function endOfValue(bytes: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < bytes.length;) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at);
        if (depth === 0) return at;
        continue;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        depth++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        if (depth === 0) return at; // of the container around a number or a word
        if (--depth === 0) return at + 1;
        break;
      case COMMA:
        if (depth === 0) return at;
        break;
    }
    at++;
  }
  return bytes.length;
}

/** Behind the closing quote. */
function endOfString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  for (; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
  return at + 1;
}

function isAt(bytes: Uint8Array, wanted: Uint8Array, from: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false;
  return true;
}
