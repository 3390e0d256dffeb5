import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from './bytes.ts';
import { CanonError } from './errors.ts';
import { isUnsafeInteger } from './profile.ts';
import { parseStrict } from './strict-json.ts';

function faultOf(act: () => unknown): { code: string; pointer: string | undefined } {
  try {
    act();
  } catch (fault) {
    if (fault instanceof CanonError) return { code: fault.code, pointer: fault.pointer };
    throw fault;
  }
  throw new Error('accepted');
}

test('reads __proto__ as a key like any other', () => {
  const value = parseStrict(utf8('{"__proto__":{"polluted":true},"a":1}'));
  expect(Object.keys(Object(value))).toEqual(['__proto__', 'a']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Reflect.get(Object(value), 'polluted')).toBeUndefined();
});

test('reads minus zero as zero in every notation', () => {
  for (const text of ['-0', '-0.0', '-0e1', '-1e-400', '-0.00000000000000000']) {
    expect(Object.is(parseStrict(utf8(text)), 0)).toBe(true);
  }
});

test('refuses more bytes than allowed before it looks at any', () => {
  expect(faultOf(() => parseStrict(utf8('nonsense'), { maxBytes: 7 }))).toEqual({
    code: 'TOO_LARGE',
    pointer: '',
  });
  expect(parseStrict(utf8('"123456"'), { maxBytes: 8 })).toBe('123456');
});

test('refuses nesting deeper than the caller allows', () => {
  expect(parseStrict(utf8('[[1]]'), { maxDepth: 2 })).toEqual([[1]]);
  expect(faultOf(() => parseStrict(utf8('[[[1]]]'), { maxDepth: 2 }))).toEqual({
    code: 'TOO_DEEP',
    pointer: '/0/0',
  });
  expect(faultOf(() => parseStrict(utf8('[]'), { maxDepth: 0 }))).toEqual({ code: 'TOO_DEEP', pointer: '' });
});

test('refuses a million open brackets without exhausting the stack', () => {
  expect(faultOf(() => parseStrict(utf8('['.repeat(1_000_000)))).code).toBe('TOO_DEEP');
  expect(faultOf(() => parseStrict(utf8('{"a":'.repeat(1_000_000)))).code).toBe('TOO_DEEP');
});

test('points at the member it was reading, and at the container between members', () => {
  const pointerOf = (text: string): string | undefined => faultOf(() => parseStrict(utf8(text))).pointer;
  expect(pointerOf('{"a":[1,{"b":tru}]}')).toBe('/a/1/b');
  expect(pointerOf('{"a":[1,{"b":true]]}')).toBe('/a/1');
  expect(pointerOf('{"a":[1,{"b":true}}}')).toBe('/a');
  expect(pointerOf('{"a":[1,{"b":true}],"c"}')).toBe('/c');
  expect(pointerOf('{"a":[[],[],x]}')).toBe('/a/2');
});

test('finds the first byte that is no UTF-8 in a large text', () => {
  const bytes = utf8(`[${'"é",'.repeat(5000)}"x"]`);
  bytes[bytes.length - 3] = 0xc3;
  expect(faultOf(() => parseStrict(bytes))).toEqual({ code: 'INVALID_UTF8', pointer: '/5000' });
});

test('gives what JSON.parse gives, for everything JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'), (json, indent) => {
      const wanted: unknown = JSON.parse(json, (_key, value: unknown) => (value === 0 ? 0 : value));
      const text = JSON.stringify(wanted, undefined, indent);
      if (/[0-9]{16}/.test(text) || !text.isWellFormed() || /\\ud[89a-f]/.test(text)) return;
      expect(parseStrict(utf8(text))).toEqual(wanted);
    }),
    { numRuns: 500 },
  );
});

/** The value, or the code of the refusal. */
function outcomeOf(text: string): unknown {
  try {
    return parseStrict(utf8(text));
  } catch (fault) {
    if (fault instanceof CanonError) return fault.code;
    throw fault;
  }
}

test('reads every finite double as Number does, or refuses it for being an unsafe integer', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      const wanted = isUnsafeInteger(number) ? 'INTEGER_UNSAFE' : number === 0 ? 0 : number;
      expect(outcomeOf(String(number))).toBe(wanted);
      expect(outcomeOf(number.toExponential())).toBe(wanted);
      expect(outcomeOf(number.toPrecision(21))).toBe(wanted);
    }),
    { numRuns: 500 },
  );
});

test('refuses every integer from 2^53 up to 10^21, in whatever notation, and no other', () => {
  const notation = fc.constantFrom('', '.0', 'e0', '.000E+0');
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }), notation, (integer, tail) => {
      const magnitude = integer < 0n ? -integer : integer;
      const isRefused = magnitude >= 2n ** 53n && magnitude < 10n ** 21n;
      expect(outcomeOf(`${integer}${tail}`)).toBe(isRefused ? 'INTEGER_UNSAFE' : Number(integer));
    }),
    { numRuns: 1000 },
  );
});

test('accepts only what is JSON to the engine too, and never fails with anything but a CanonError', () => {
  const jsonish = fc
    .array(fc.constantFrom(...'[]{},:"\\u0d8a1-.eE+ tfn\n\u00e9'), { maxLength: 40 })
    .map((chars) => utf8(chars.join('')));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), jsonish), (bytes) => {
      const isAccepted = succeeds(() => parseStrict(bytes), CanonError);
      const isJson = succeeds(
        () => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)),
        Error,
      );
      expect(isAccepted && !isJson).toBe(false);
    }),
    { numRuns: 3000 },
  );
});

function succeeds(act: () => unknown, Expected: typeof Error | typeof CanonError): boolean {
  try {
    act();
    return true;
  } catch (fault) {
    if (fault instanceof Expected) return false;
    throw fault;
  }
}
