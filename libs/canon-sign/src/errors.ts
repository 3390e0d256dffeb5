/** What a caller does about each code: everything here is said about bytes that somebody handed in, so nothing is worth retrying. */
export const CANON_FAULTS = {
  NOT_JSON: 'rejected', // not RFC 8259 JSON
  INVALID_UTF8: 'rejected', // bytes that are no UTF-8, surrogates written as bytes among them
  BYTE_ORDER_MARK: 'rejected', // the text begins with U+FEFF
  TRAILING_BYTES: 'rejected', // something follows the one JSON value
  DUPLICATE_KEY: 'rejected', // an object names the same key twice
  LONE_SURROGATE: 'rejected', // a string that is not well formed Unicode
  NUMBER_NOT_FINITE: 'rejected', // NaN, an infinity, or a literal that overflows to one
  INTEGER_UNSAFE: 'rejected', // an integer with 2^53 <= |v| < 10^21: write it as a string
  TOO_DEEP: 'rejected', // nested deeper than allowed, or a cycle
  TOO_LARGE: 'rejected', // more bytes than the caller allows
  NOT_CANONICAL: 'rejected', // valid JSON in another form than RFC 8785
  UNSUPPORTED_VALUE: 'rejected', // undefined, function, symbol, bigint, hole, class instance
  MALFORMED: 'rejected', // hex, base64, an id or a signed object of the wrong shape
  SIGNATURE_MISSING: 'rejected', // the object carries no signature
  SIGNATURE_INVALID: 'rejected', // the signature is not that of this object by this key
} as const;
export type CanonErrorCode = keyof typeof CANON_FAULTS;

/** The one error of this package. `pointer` (RFC 6901) is set where the fault has a place inside a JSON value. */
export class CanonError extends Error {
  override readonly name = 'CanonError';
  readonly code: CanonErrorCode;
  readonly pointer: string | undefined;
  constructor(code: CanonErrorCode, message: string, options?: ErrorOptions & { readonly pointer?: string }) {
    super(message, options);
    this.code = code;
    this.pointer = options?.pointer;
  }
}
