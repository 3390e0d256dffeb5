import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatHex, utf8 } from './bytes.ts';
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
    expect(Object.is(parseStrict(utf8(text)), 0), text).toBe(true);
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

test('reads every finite double as Number does, or refuses it for being an unsafe integer', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      for (const text of [String(number), number.toExponential(), number.toPrecision(21)]) {
        const act = (): unknown => parseStrict(utf8(text));
        if (isUnsafeInteger(number)) expect(faultOf(act).code).toBe('INTEGER_UNSAFE');
        else expect(act()).toBe(number === 0 ? 0 : number);
      }
    }),
    { numRuns: 500 },
  );
});

test('refuses every integer from 2^53 up to 10^21 in plain digits, and no other', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }),
      fc.constantFrom('', '.0', 'e0', '.000E+0'),
      (integer, tail) => {
        const magnitude = integer < 0n ? -integer : integer;
        const act = (): unknown => parseStrict(utf8(`${integer}${tail}`));
        if (magnitude >= 2n ** 53n && magnitude < 10n ** 21n)
          expect(faultOf(act).code).toBe('INTEGER_UNSAFE');
        else expect(act()).toBe(Number(integer));
      },
    ),
    { numRuns: 500 },
  );
});

test('never fails with anything but a CanonError, whatever the bytes', () => {
  const jsonish = fc
    .array(fc.constantFrom(...'[]{},:"\\u0d8a1-.eE+ tfn\n\u00e9'), { maxLength: 40 })
    .map((chars) => utf8(chars.join('')));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), jsonish), (bytes) => {
      let isAccepted = false;
      try {
        parseStrict(bytes);
        isAccepted = true;
      } catch (fault) {
        expect(fault, formatHex(bytes)).toBeInstanceOf(CanonError);
      }
      // whatever is accepted is JSON to the engine as well
      if (isAccepted) JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    }),
    { numRuns: 3000 },
  );
});
