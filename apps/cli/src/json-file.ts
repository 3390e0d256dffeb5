import { CanonError, type JsonValue, parseStrict } from '@logline/canon-sign';
import { CliError } from './errors.ts';

export type JsonObject = { readonly [key: string]: JsonValue };

/** @throws CliError `INVALID_INPUT` that names the file and the place of the fault */
export function readJson(bytes: Uint8Array, name: string): JsonValue {
  try {
    return parseStrict(bytes);
  } catch (cause) {
    if (!(cause instanceof CanonError)) throw cause;
    const place = cause.pointer === undefined || cause.pointer === '' ? '' : ` at ${cause.pointer}`;
    throw new CliError(
      'INVALID_INPUT',
      `${name === '-' ? 'stdin' : name} is not strict JSON${place}: ${cause.message}`,
      { cause },
    );
  }
}

/** @throws CliError `INVALID_INPUT` */
export function readJsonObject(bytes: Uint8Array, name: string): JsonObject {
  const value = readJson(bytes, name);
  if (isObject(value)) return value;
  throw new CliError('INVALID_INPUT', `${name} is not a JSON object`);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined when the field is not there. @throws CliError `INVALID_INPUT` when it is there and no text */
export function stringField(object: JsonObject, field: string, name: string): string | undefined {
  const value = object[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new CliError('INVALID_INPUT', `${name}: ${field} is not a text`);
  return value;
}
