import type Type from 'typebox';
import { Compile } from 'typebox/compile';

/** One fault of a value against its schema. */
export type SchemaFault = {
  /** JSON pointer into the value; `''` is the whole. */
  readonly pointer: string;
  readonly message: string;
  /** A required property that is not there; the pointer names it. */
  readonly isMissing: boolean;
};

export type Checker<T> = {
  check(value: unknown): value is T;
  /** Empty when the value is good. At most 32. */
  faults(value: unknown): readonly SchemaFault[];
};

const MOST_FAULTS = 32;

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
  const faults = errors.flatMap((error): SchemaFault[] => {
    const names = propertyNames(error);
    switch (error.keyword) {
      case 'required':
        return names.map((name) => ({
          pointer: `${error.instancePath}/${name}`,
          message: 'is required',
          isMissing: true,
        }));
      case 'additionalProperties':
        return names.map((name) => ({
          pointer: `${error.instancePath}/${name}`,
          message: 'is not a known field',
          isMissing: false,
        }));
      case 'boolean':
        return []; // the engine's second way of saying additionalProperties
      default:
        return [{ pointer: error.instancePath, message: error.message, isMissing: false }];
    }
  });
  return faults.slice(0, MOST_FAULTS);
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
