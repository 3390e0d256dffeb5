import { utf8 } from './bytes.ts';
import { CanonError, type CanonErrorCode } from './errors.ts';
import { formatPointer } from './pointer.ts';
import { isUnsafeInteger, MAX_DEPTH } from './profile.ts';
import { type JsonValue, parseMarked, type ParseLimits } from './strict-json.ts';

/**
 * The one text of a JSON value by RFC 8785: keys in UTF-16 order, numbers as ECMAScript writes them, nothing escaped that
 * need not be. Takes plain data only and drops nothing: what cannot be written is refused, not left out.
 *
 * @throws CanonError `UNSUPPORTED_VALUE` for undefined, functions, symbols, bigints, holes in arrays and anything that is not
 * a plain object or an array; `NUMBER_NOT_FINITE`, `INTEGER_UNSAFE`, `LONE_SURROGATE`; `TOO_DEEP` past 64 levels, as every cycle is
 * @see RFC 8785, protocol §2
 */
export function canonicalText(value: unknown): string {
  return write(value, [], 0);
}

/** The UTF-8 bytes of `canonicalText(value)`: what gets hashed. Throws as that does. */
export function canonicalBytes(value: unknown): Uint8Array {
  return utf8(canonicalText(value));
}

/**
 * The value of bytes that must already be canonical, so that they can be hashed as they came.
 *
 * @throws CanonError as `parseStrict` does, and `NOT_CANONICAL` when the same value has another canonical form
 */
export function parseCanonical(bytes: Uint8Array, limits?: ParseLimits): JsonValue {
  const { value, isCanonical: isWritten } = parseMarked(bytes, limits);
  if (!isWritten) {
    throw new CanonError('NOT_CANONICAL', 'valid JSON, but not in its RFC 8785 form', { pointer: '' });
  }
  return value;
}

/** Whether the bytes are strict JSON in canonical form. */
export function isCanonical(bytes: Uint8Array): boolean {
  try {
    parseCanonical(bytes);
    return true;
  } catch (fault) {
    if (fault instanceof CanonError) return false;
    throw fault;
  }
}

/** Whether JSON can say `value` as an object: its prototype is null or that of a literal, of this realm or another. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(Object(prototype), 'isPrototypeOf');
}

type Path = (string | number)[];

function write(value: unknown, path: Path, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, path, depth);
    case 'number':
      return writeNumber(value, path, depth);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_DEPTH)
        throw fault('TOO_DEEP', `nested deeper than ${MAX_DEPTH}, or in a cycle`, path, depth);
      if (Array.isArray(value)) return writeArray(value, path, depth);
      if (isPlainObject(value)) return writeObject(value, path, depth);
      throw fault('UNSUPPORTED_VALUE', 'only plain objects and arrays can be written', path, depth);
    case 'undefined':
    case 'function':
    case 'symbol':
    case 'bigint':
      throw fault('UNSUPPORTED_VALUE', `JSON has no ${typeof value}`, path, depth);
  }
}

function writeObject(object: Readonly<Record<string, unknown>>, path: Path, depth: number): string {
  if (Object.getOwnPropertySymbols(object).length > 0) {
    throw fault('UNSUPPORTED_VALUE', 'an object with a symbol for a key', path, depth);
  }
  let text = '{';
  for (const key of sortKeys(Object.keys(object))) {
    path[depth] = key;
    text += `${text.length > 1 ? ',' : ''}${writeString(key, path, depth)}:${write(object[key], path, depth + 1)}`;
  }
  return `${text}}`;
}

function writeArray(array: readonly unknown[], path: Path, depth: number): string {
  let text = '[';
  for (let i = 0; i < array.length; i++) {
    path[depth] = i;
    text += `${i > 0 ? ',' : ''}${write(array[i], path, depth + 1)}`; // a hole reads as undefined, and is refused as that
  }
  return `${text}]`;
}

function writeString(value: string, path: Path, depth: number): string {
  if (isVerbatim(value)) return `"${value}"`;
  if (!value.isWellFormed())
    throw fault('LONE_SURROGATE', 'a string with half a surrogate pair', path, depth);
  return JSON.stringify(value); // escapes exactly as RFC 8785 §3.2.2.2 does
}

/** Whether a string needs neither escapes nor a look at its surrogates, as nearly all do. */
function isVerbatim(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || (unit >= 0xd800 && unit <= 0xdfff)) return false;
  }
  return true;
}

/** In place, by UTF-16 code units (RFC 8785 §3.2.3), which is how strings compare. Insertion is quickest for the few keys objects have. */
function sortKeys(keys: string[]): string[] {
  if (keys.length > 32) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] ?? '';
    let to = i;
    for (let before = keys[to - 1]; before !== undefined && before > key; before = keys[to - 1])
      keys[to--] = before;
    keys[to] = key;
  }
  return keys;
}

function writeNumber(value: number, path: Path, depth: number): string {
  if (!Number.isFinite(value)) throw fault('NUMBER_NOT_FINITE', `JSON has no ${value}`, path, depth);
  if (isUnsafeInteger(value)) {
    throw fault(
      'INTEGER_UNSAFE',
      `${value} is not exact in every language; write it as a string`,
      path,
      depth,
    );
  }
  return String(value); // -0 becomes 0
}

function fault(code: CanonErrorCode, message: string, path: Path, depth: number): CanonError {
  return new CanonError(code, message, { pointer: formatPointer(path, depth) });
}
