/** Deepest nesting of arrays and objects, in text and in values alike; a scalar has depth 0. Protocol §2. */
export const MAX_DEPTH = 64;

/** Most canonical bytes a span may have: it fits a 16-bit length in the log's entry bundles. Protocol §2. */
export const MAX_SPAN_BYTES = 65_535;

/**
 * Whether `value` is an integer that languages disagree about: too large to be exact as a double, too small to be written
 * with an exponent. Protocol §2.
 */
export function isUnsafeInteger(value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude >= 2 ** 53 && magnitude < 1e21;
}
