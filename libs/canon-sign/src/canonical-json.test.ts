import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from './bytes.ts';
import { canonicalBytes, canonicalText, isCanonical, parseCanonical } from './canonical-json.ts';
import { CanonError } from './errors.ts';
import { isUnsafeInteger } from './profile.ts';
import { parseStrict } from './strict-json.ts';

function faultOf(value: unknown): { code: string; pointer: string | undefined } {
  try {
    canonicalText(value);
  } catch (fault) {
    if (fault instanceof CanonError) return { code: fault.code, pointer: fault.pointer };
    throw fault;
  }
  throw new Error('accepted');
}

class Point {
  x = 1;
}
const sparse: unknown[] = [1];
sparse[2] = 3;

test.each<[string, unknown]>([
  ['undefined', undefined],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a bigint', 1n],
  ['a hole in an array', sparse],
  ['a Map', new Map([['a', 1]])],
  ['a Set', new Set([1])],
  ['a Date', new Date(0)],
  ['a boxed number', Object(1)],
  ['a boxed string', Object('a')],
  ['an instance of a class', new Point()],
  ['an object that inherits from another', Object.create({ a: 1 })],
  ['bytes', new Uint8Array(2)],
  ['a regular expression', /a/],
  ['a promise', Promise.resolve(1)],
  ['a namespace object', Math],
  ['an object with a symbol for a key', { [Symbol('k')]: 1 }],
  ['an object that says how to write itself', { toJSON: () => 1 }],
])('refuses %s instead of writing something else', (_name, value) => {
  expect(faultOf({ a: [value] }).code).toBe('UNSUPPORTED_VALUE');
});

test('points at what it refuses', () => {
  expect(faultOf({ a: [1, { 'b/~': undefined }] })).toEqual({
    code: 'UNSUPPORTED_VALUE',
    pointer: '/a/1/b~1~0',
  });
  expect(faultOf([[], NaN])).toEqual({ code: 'NUMBER_NOT_FINITE', pointer: '/1' });
  expect(faultOf(Infinity)).toEqual({ code: 'NUMBER_NOT_FINITE', pointer: '' });
  expect(faultOf({ z: 0, n: 2 ** 53 })).toEqual({ code: 'INTEGER_UNSAFE', pointer: '/n' });
  expect(faultOf({ s: '\ud800' })).toEqual({ code: 'LONE_SURROGATE', pointer: '/s' });
  expect(faultOf(['\ude00\ud83d'])).toEqual({ code: 'LONE_SURROGATE', pointer: '/0' });
  expect(faultOf({ '\ud800': 1 }).code).toBe('LONE_SURROGATE');
});

test('refuses cycles and more than 64 levels', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect(faultOf({ cycle }).code).toBe('TOO_DEEP');
  const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
  expect(canonicalText(nest(64))).toBe(`${'['.repeat(64)}1${']'.repeat(64)}`);
  expect(faultOf(nest(65))).toEqual({ code: 'TOO_DEEP', pointer: '/0'.repeat(64) });
});

test('writes objects without a prototype, and those of other realms', () => {
  expect(canonicalText(Object.assign(Object.create(null), { b: 1, a: 2 }))).toBe('{"a":2,"b":1}');
  expect(canonicalText(runInNewContext('({ b: [1], a: {} })'))).toBe('{"a":{},"b":[1]}');
  expect(faultOf(runInNewContext('new Map()')).code).toBe('UNSUPPORTED_VALUE');
});

test('writes one value twice, where it is no cycle', () => {
  const twice = { a: 1 };
  expect(canonicalText([twice, twice])).toBe('[{"a":1},{"a":1}]');
});

test('orders keys by UTF-16 units, few or many', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 3 }), { maxLength: 60 }), (keys) => {
      const text = canonicalText(Object.fromEntries(keys.map((key) => [key, 0])));
      const order = keys.toSorted((a, b) => (a < b ? -1 : 1));
      expect(text).toBe(`{${order.map((key) => `${JSON.stringify(key)}:0`).join(',')}}`);
    }),
  );
});

const safeJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !isUnsafeInteger(number)),
    fc.maxSafeInteger(),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
  ),
})).value;

test('canonical bytes read back and written again are the same bytes', () => {
  fc.assert(
    fc.property(safeJson, (value) => {
      const bytes = canonicalBytes(value);
      expect(canonicalBytes(parseStrict(bytes))).toEqual(bytes);
      expect(isCanonical(bytes)).toBe(true);
      expect(parseCanonical(bytes)).toEqual(parseStrict(utf8(JSON.stringify(value))));
    }),
  );
});

test('tells canonical bytes from other JSON of the same value', () => {
  for (const text of [
    ' 1',
    '{"b":1,"a":2}',
    '-0',
    '1.0',
    '"\\u0061"',
    '[1, 2]',
    '{"a":1,"a":1}',
    'nonsense',
  ]) {
    expect(isCanonical(utf8(text))).toBe(false);
  }
  expect(() => parseCanonical(utf8('{"b":1,"a":2}'))).toThrow(
    expect.objectContaining({ code: 'NOT_CANONICAL' }),
  );
});

/** What "canonical" means, by writing the value again. */
function isWrittenSo(text: string): boolean {
  return canonicalText(parseStrict(utf8(text))) === text;
}

test('knows canonical bytes without writing them again: JSON with anything done to it', () => {
  const literal = fc.oneof(
    fc.constantFrom(
      '0',
      '-0',
      '0.0',
      '1e2',
      '100',
      '1E400',
      '1e-7',
      '1e+21',
      '1e21',
      '0.1',
      '1.0',
      '-1',
      '5e-324',
      '123456789012345680000000',
    ),
    fc.double().map(String),
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom(
      '"\\u0041"',
      '"\\/"',
      '"\\u001f"',
      '"\\u001F"',
      '"\\b"',
      '"\\u0008"',
      '"\u2028"',
      '"\u007f"',
      '"\\ud83d\\ude00"',
      'true',
      'null',
    ),
  );
  const space = fc.constantFrom('', '', '', '', '', ' ', '\n');
  const tree = fc.letrec<{ any: string; list: string; map: string }>((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, literal, tie('list'), tie('map')),
    list: fc
      .tuple(fc.array(tie('any'), { maxLength: 3 }), space)
      .map(([items, gap]) => `[${gap}${items.join(',')}]`),
    map: fc
      .tuple(
        fc.array(
          fc.tuple(
            fc.constantFrom('"a"', '"b"', '"B"', '"\\u0061"', '"é"', '"\u{1f600}"', '"\ufb33"'),
            tie('any'),
          ),
          { maxLength: 3 },
        ),
        space,
      )
      .map(([members, gap]) => `{${members.map(([key, inner]) => `${key}:${gap}${inner}`).join(',')}}`),
  })).any;
  fc.assert(
    fc.property(tree, space, (text, gap) => {
      for (const given of [text, text + gap, gap + text]) {
        let isWritten: boolean;
        try {
          isWritten = isWrittenSo(given);
        } catch (fault) {
          if (!(fault instanceof CanonError)) throw fault;
          isWritten = false; // no value at all
        }
        expect(isCanonical(utf8(given.isWellFormed() ? given : '')), given).toBe(
          given.isWellFormed() && isWritten,
        );
      }
    }),
    { numRuns: 3_000 },
  );
});
