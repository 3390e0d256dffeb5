import { CanonError, type CanonErrorCode } from './errors.ts';
import { formatPointer } from './pointer.ts';
import { isUnsafeInteger, MAX_DEPTH } from './profile.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export interface ParseLimits {
  /** Deepest nesting; 64 by default, which is what the protocol allows. */
  readonly maxDepth?: number;
  /** Most bytes looked at; none by default, because callers know their own doors. */
  readonly maxBytes?: number;
}

/**
 * The value that untrusted bytes spell, the same in every language, or a refusal that says where the fault is.
 * Stricter than `JSON.parse`: no invalid UTF-8, byte order mark, duplicate keys, lone surrogates, overflowing numbers or
 * integers with 2^53 <= |v| < 10^21. `-0` is read as `0`; a key `__proto__` is a key like any other.
 * Pure and safe on hostile input; the first fault in reading order is the one reported. O(bytes).
 *
 * @throws CanonError `TOO_LARGE`, `INVALID_UTF8`, `BYTE_ORDER_MARK`, `NOT_JSON`, `TRAILING_BYTES`, `DUPLICATE_KEY`,
 * `LONE_SURROGATE`, `NUMBER_NOT_FINITE`, `INTEGER_UNSAFE` or `TOO_DEEP`, with the `pointer` of the fault: that of the member
 * or element being read, and of its container where there is none yet
 * @see protocol §2
 * @example
 * parseStrict(utf8('{"amount":"12.50","n":-0}')); // { amount: '12.50', n: 0 }
 */
export function parseStrict(bytes: Uint8Array, limits?: ParseLimits): JsonValue {
  return parseMarked(bytes, limits).value;
}

/** As `parseStrict`, and whether the bytes are the canonical ones of the value (RFC 8785), which reading them shows by the way. Throws as that does. */
export function parseMarked(
  bytes: Uint8Array,
  limits: ParseLimits = {},
): { readonly value: JsonValue; readonly isCanonical: boolean } {
  const { maxDepth = MAX_DEPTH, maxBytes = Infinity } = limits;
  if (bytes.length > maxBytes) {
    throw new CanonError('TOO_LARGE', `${bytes.length} bytes, at most ${maxBytes} are allowed`, {
      pointer: '',
    });
  }
  let text: string;
  try {
    text = fatalUtf8.decode(bytes);
  } catch (cause) {
    throw utf8Fault(bytes, maxDepth, cause);
  }
  const reader = new Reader(text, maxDepth);
  const value = reader.readDocument();
  return { value, isCanonical: reader.isCanonical };
}

const fatalUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the part that is valid; whatever stops there earlier is the first fault, else the bytes that end it are. */
function utf8Fault(bytes: Uint8Array, maxDepth: number, cause: unknown): CanonError {
  // a streaming decoder that is not fatal marks the fault with U+FFFD; halving finds the longest prefix that is valid
  let valid = 0;
  let invalid = bytes.length;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1;
    if (isUtf8Prefix(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  const prefix = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, valid), {
    stream: true,
  });
  const reader = new Reader(prefix, maxDepth);
  try {
    reader.readDocument();
  } catch (fault) {
    if (fault instanceof CanonError && !reader.isAtEnd()) return fault;
    const pointer = fault instanceof CanonError ? fault.pointer : '';
    return new CanonError('INVALID_UTF8', `byte ${valid} is not UTF-8`, { cause, pointer });
  }
  return new CanonError('INVALID_UTF8', `byte ${valid} is not UTF-8`, { cause, pointer: '' });
}

function isUtf8Prefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Recursive descent over text that is known to be valid UTF-8; deep nesting is refused before it could exhaust the stack. */
class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;
  /** How many containers are open. */
  #depth = 0;
  /** Where it reads: the first `#steps` of `#path`. The rest is left over from containers already closed. */
  #steps = 0;
  readonly #path: (string | number)[] = [];
  /** Whether all that was read so far is as RFC 8785 writes it: no white space, keys in order, numbers and escapes in their one form. */
  isCanonical = true;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  readDocument(): JsonValue {
    if (this.#text.charCodeAt(0) === 0xfeff)
      throw this.#fault('BYTE_ORDER_MARK', 'the text begins with a byte order mark');
    this.#skipSpace();
    const value = this.#readValue();
    this.#skipSpace();
    if (!this.isAtEnd())
      throw this.#fault('TRAILING_BYTES', `something follows the value at character ${this.#at}`);
    return value;
  }

  /** Whether all of the text was used up. */
  isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  #readValue(): JsonValue {
    switch (this.#text.charCodeAt(this.#at)) {
      case QUOTE:
        return this.#readString();
      case 0x7b: // {
        return this.#readObject();
      case 0x5b: // [
        return this.#readArray();
      case 0x74: // t
        this.#readWord('true');
        return true;
      case 0x66: // f
        this.#readWord('false');
        return false;
      case 0x6e: // n
        this.#readWord('null');
        return null;
      default:
        return this.#readNumber();
    }
  }

  #readObject(): JsonValue {
    const object: Record<string, JsonValue> = {};
    this.#open();
    if (this.#text.charCodeAt(this.#at) === 0x7d) {
      this.#close();
      return object;
    }
    for (let before: string | undefined; ;) {
      if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#unexpected('a key in double quotes');
      const key = this.#readString();
      if (before !== undefined && key < before) this.isCanonical = false; // by UTF-16 code units, as RFC 8785 §3.2.3 sorts
      before = key;
      this.#path[this.#depth - 1] = key;
      this.#steps = this.#depth;
      if (Object.hasOwn(object, key)) throw this.#fault('DUPLICATE_KEY', 'the object already has this key');
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== 0x3a) throw this.#unexpected('a colon');
      this.#at++;
      this.#skipSpace();
      const value = this.#readValue();
      if (key === '__proto__') {
        // plain assignment would set the prototype
        Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
      } else {
        object[key] = value;
      }
      if (this.#isLast(0x7d, 'a comma or the end of the object')) return object;
    }
  }

  #readArray(): JsonValue {
    const array: JsonValue[] = [];
    this.#open();
    if (this.#text.charCodeAt(this.#at) === 0x5d) {
      this.#close();
      return array;
    }
    for (;;) {
      this.#path[this.#depth - 1] = array.length;
      this.#steps = this.#depth;
      array.push(this.#readValue());
      if (this.#isLast(0x5d, 'a comma or the end of the array')) return array;
    }
  }

  #open(): void {
    if (this.#depth >= this.#maxDepth) throw this.#fault('TOO_DEEP', `nested deeper than ${this.#maxDepth}`);
    this.#depth++;
    this.#at++;
    this.#skipSpace();
  }

  #close(): void {
    this.#depth--;
    this.#steps = this.#depth;
    this.#at++;
  }

  /** Steps over what follows a member or an element: the end of its container, or a comma. */
  #isLast(end: number, wanted: string): boolean {
    this.#skipSpace();
    this.#steps = this.#depth - 1;
    const next = this.#text.charCodeAt(this.#at);
    if (next === end) {
      this.#close();
      return true;
    }
    if (next !== 0x2c) throw this.#unexpected(wanted);
    this.#at++;
    this.#skipSpace();
    return false;
  }

  #readString(): string {
    const text = this.#text;
    const start = this.#at + 1;
    for (let at = start; ; at++) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        this.#at = at + 1;
        return text.slice(start, at);
      }
      if (unit === BACKSLASH) return this.#readEscaped(start, at);
      if (!(unit >= 0x20)) {
        this.#at = at;
        throw this.#unexpected('the rest of a string');
      }
    }
  }

  /** A string with escapes: its end is found here, its escapes are checked and resolved by the engine's own parser. */
  #readEscaped(start: number, firstEscape: number): string {
    const text = this.#text;
    let at = firstEscape;
    for (let unit = BACKSLASH; unit !== QUOTE; unit = text.charCodeAt(at)) {
      if (!(unit >= 0x20)) {
        this.#at = at;
        throw this.#unexpected('the rest of a string');
      }
      at += unit === BACKSLASH ? 2 : 1;
    }
    let value: unknown;
    try {
      value = JSON.parse(text.slice(start - 1, at + 1));
    } catch (cause) {
      throw this.#fault(
        'NOT_JSON',
        `a string with an escape that JSON does not have, at character ${start - 1}`,
        cause,
      );
    }
    if (typeof value !== 'string' || !value.isWellFormed()) {
      throw this.#fault('LONE_SURROGATE', `a string with half a surrogate pair, at character ${start - 1}`);
    }
    this.#at = at + 1;
    if (this.isCanonical && JSON.stringify(value) !== text.slice(start - 1, at + 1)) this.isCanonical = false;
    return value;
  }

  #readNumber(): number {
    const text = this.#text;
    const start = this.#at;
    let at = text.charCodeAt(start) === 0x2d ? start + 1 : start;
    if (text.charCodeAt(at) === 0x30) at++;
    else at = this.#skipDigits(at);
    let isPlain = true;
    if (text.charCodeAt(at) === 0x2e) {
      isPlain = false;
      at = this.#skipDigits(at + 1);
    }
    if ((text.charCodeAt(at) | 0x20) === 0x65) {
      isPlain = false;
      const sign = text.charCodeAt(at + 1);
      at = this.#skipDigits(sign === 0x2b || sign === 0x2d ? at + 2 : at + 1);
    }
    this.#at = at;
    const literal = text.slice(start, at);
    const value = Number(literal);
    if (isPlain && at - start < 16) {
      if (value === 0 && literal !== '0') this.isCanonical = false;
      return value === 0 ? 0 : value;
    }
    if (!Number.isFinite(value))
      throw this.#fault('NUMBER_NOT_FINITE', `${shorten(literal)} is too large for a double`);
    if (isUnsafeInteger(value) || isRoundedUpToLimit(literal, value)) {
      throw this.#fault(
        'INTEGER_UNSAFE',
        `${shorten(literal)} is not exact in every language; write it as a string`,
      );
    }
    if (String(value) !== literal) this.isCanonical = false;
    return value === 0 ? 0 : value; // not -0
  }

  #skipDigits(from: number): number {
    let at = from;
    for (let unit = this.#text.charCodeAt(at); unit >= 0x30 && unit <= 0x39;)
      unit = this.#text.charCodeAt(++at);
    if (at > from) return at;
    this.#at = at;
    throw this.#unexpected('a value');
  }

  #readWord(word: string): void {
    for (let i = 1; i < word.length; i++) {
      if (this.#text.charCodeAt(this.#at + i) === word.charCodeAt(i)) continue;
      this.#at += i;
      throw this.#unexpected(`the rest of ${word}`);
    }
    this.#at += word.length;
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit > 0x20 || (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09)) return;
      this.isCanonical = false;
      this.#at++;
    }
  }

  #unexpected(wanted: string): CanonError {
    const found = this.isAtEnd() ? 'the end of the text' : `character ${this.#at}`;
    return this.#fault('NOT_JSON', `expected ${wanted} at ${found}`);
  }

  #fault(code: CanonErrorCode, message: string, cause?: unknown): CanonError {
    return new CanonError(code, message, { cause, pointer: formatPointer(this.#path, this.#steps) });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether an integer below 10^21 was written that a double can only hold as 10^21, which would be allowed. */
function isRoundedUpToLimit(literal: string, value: number): boolean {
  if (Math.abs(value) !== 1e21) return false;
  const [mantissa = '', exponent = '0'] = literal.replace('-', '').toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const scale = Number(exponent) - fraction.length;
  const isInteger = scale >= 0 || /^0*$/.test(digits.slice(scale));
  return isInteger && digits.length + scale < 22;
}

function shorten(literal: string): string {
  return literal.length > 40 ? `${literal.slice(0, 40)}…` : literal;
}
