import type Type from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { formOf } from './lexical.ts';

/** One fault of a value against its schema. */
export type SchemaFault = {
  /** JSON pointer into the value; `''` is the whole. */
  readonly pointer: string;
  readonly message: string;
  /** A required property that is not there; the pointer names it. */
  readonly isMissing: boolean;
  /** What would be good there, in words of no language: `"active" | "revoked"`, `blake3:<64 hex>`, `string`. Absent where that says too little. */
  readonly expected?: string;
};

export type Checker<T> = {
  check(value: unknown): value is T;
  /** Empty when the value is good. At most 32. */
  faults(value: unknown): readonly SchemaFault[];
};

const MOST_FAULTS = 32;
// the engine stops at 8 by itself, and tells each alternative of a union as one
Settings.Set({ maxErrors: 4 * MOST_FAULTS });

/** The compiled validator of a schema. Compiling costs a millisecond or so: do it once, at module load. */
export function checkerOf<S extends Type.TSchema>(schema: S): Checker<Type.Static<S>> {
  // compiled on first use: the CLI and short scripts import all schemas and use few
  let compiled: ReturnType<typeof Compile<S>> | undefined;
  const validator = () => (compiled ??= Compile(schema));
  return {
    check: (value): value is Type.Static<S> => validator().Check(value),
    faults: (value) => (validator().Check(value) ? [] : toFaults(validator().Errors(value))),
  };
}

type EngineError = {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: unknown; // shape depends on the keyword; narrowed below
  readonly message: string;
};

function toFaults(errors: readonly EngineError[]): SchemaFault[] {
  const choices = choicesOf(errors);
  const faults = errors.flatMap((error): SchemaFault[] => {
    const { keyword, instancePath: pointer, message } = error;
    const names = propertyNames(error);
    switch (keyword) {
      case 'required':
        return names.map((name) => ({
          pointer: `${pointer}/${name}`,
          message: 'is required',
          isMissing: true,
        }));
      case 'additionalProperties':
        return names.map((name) => ({
          pointer: `${pointer}/${name}`,
          message: 'is not a known field',
          isMissing: false,
        }));
      case 'boolean':
        return []; // the engine's second way of saying additionalProperties
      case 'const':
        return []; // said once for all constants of a place, below
      case 'anyOf':
        return choices.has(pointer) ? [] : [{ pointer, message, isMissing: false }];
      default: {
        const expected = expectedOf(error);
        if (expected === undefined) return [{ pointer, message, isMissing: false }];
        return [{ pointer, message: `must be ${expected}`, isMissing: false, expected }];
      }
    }
  });
  for (const [pointer, expected] of choices)
    faults.push({ pointer, message: `must be ${expected}`, isMissing: false, expected });
  return faults.slice(0, MOST_FAULTS);
}

/** Places where one of some constants belongs, with all of them. */
function choicesOf(errors: readonly EngineError[]): ReadonlyMap<string, string> {
  const choices = new Map<string, string>();
  for (const { keyword, instancePath, params } of errors) {
    if (keyword !== 'const') continue;
    const { allowedValue } = Object(params) as { allowedValue?: unknown }; // what the engine gives with this keyword
    const before = choices.get(instancePath);
    choices.set(instancePath, `${before === undefined ? '' : `${before} | `}${JSON.stringify(allowedValue)}`);
  }
  return choices;
}

function expectedOf({ keyword, params }: EngineError): string | undefined {
  const { type, pattern, allowedValues } = Object(params) as {
    type?: unknown;
    pattern?: unknown;
    allowedValues?: unknown;
  }; // as above
  if (keyword === 'type' && typeof type === 'string') return type;
  if (keyword === 'pattern' && (typeof pattern === 'string' || pattern instanceof RegExp))
    return formOf(String(pattern));
  if (keyword === 'enum' && Array.isArray(allowedValues))
    return allowedValues.map((value) => JSON.stringify(value)).join(' | ');
  return undefined;
}

function propertyNames({ params }: EngineError): readonly string[] {
  const record = typeof params === 'object' && params !== null ? params : {};
  const listed = Object.values(record).find((value) => Array.isArray(value)) ?? [];
  return listed.filter((name: unknown): name is string => typeof name === 'string').map(escapePointer);
}

/** RFC 6901 §3. */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}
