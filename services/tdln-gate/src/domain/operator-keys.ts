import { CanonError, parseStrict, utf8, type JsonValue } from '@logline/canon-sign';
import type { OperatorKey } from '@logline/tdln';
import { GateError } from '../errors.ts';

/**
 * The operator's public keys from the text of their file.
 *
 * @throws GateError `BAD_OPERATOR_KEYS` unless it is a list of one or more `{kid, pub}`
 */
export function parseOperatorKeys(text: string): readonly OperatorKey[] {
  const json = parseJson(text);
  if (Array.isArray(json) && json.length > 0 && json.every(isOperatorKey)) return json;
  throw new GateError('BAD_OPERATOR_KEYS', 'not a list of operator keys: [{"kid": "…", "pub": "<64 hex>"}]');
}

function parseJson(text: string): JsonValue {
  try {
    return parseStrict(utf8(text));
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    throw new GateError('BAD_OPERATOR_KEYS', 'the file of operator keys is not JSON', { cause });
  }
}

function isOperatorKey(value: unknown): value is OperatorKey {
  if (typeof value !== 'object' || value === null) return false;
  const { kid, pub, ...others } = value as Readonly<Record<string, unknown>>; // an object, as just seen
  const isKid = typeof kid === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(kid);
  return isKid && typeof pub === 'string' && /^[0-9a-f]{64}$/.test(pub) && Object.keys(others).length === 0;
}
