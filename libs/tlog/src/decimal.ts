import { TlogError, type TlogErrorCode } from './errors.ts';
import { MAX_TREE_SIZE } from './tree.ts';

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;

/**
 * A log index or tree size as all these formats write it: ASCII decimal, no sign, no leading zeros, at most 2^63 − 1.
 * The length is bounded before anything is converted.
 * @throws TlogError with the caller's `code`
 */
export function parseDecimal(text: string, code: TlogErrorCode, what: string): bigint {
  const value = DECIMAL.test(text) ? BigInt(text) : MAX_TREE_SIZE + 1n;
  if (value > MAX_TREE_SIZE) throw new TlogError(code, `${what} is not a decimal number below 2^63`);
  return value;
}
