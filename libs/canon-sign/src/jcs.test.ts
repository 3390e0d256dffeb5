import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPublished } from '../test/published-vectors.ts';
import { utf8 } from './bytes.ts';
import { canonicalText } from './canonical-json.ts';
import { CanonError } from './errors.ts';
import { isUnsafeInteger } from './profile.ts';
import { parseStrict } from './strict-json.ts';

test.for(['arrays', 'french', 'structures', 'unicode', 'values', 'weird'])(
  'writes %s.json of the RFC 8785 test data as published',
  (name, { skip }) => {
    const output = readPublished(`jcs/output/${name}.json`, { skip }).toString();
    const value = parseStrict(readPublished(`jcs/input/${name}.json`, { skip }));
    expect(canonicalText(value)).toBe(output);
  },
);

// The number stream of the RFC 8785 test data: hand-picked doubles, 2,000 from the smallest normal one upward, then those in
// a chain of SHA-256 hashes that begins with 32 zero bytes. Published are the hashes of its first lines.
const thirds = `
  3.3333333333333335e+21 3.333333333333333e+20 3.3333333333333336e+19 3.333333333333334e+18
  3.333333333333334e+17 3.333333333333334e+16 3.333333333333334e+15 3.333333333333334e+14
  3.3333333333333344e+13 3.333333333333334e+12 3.3333333333333344e+11 3.333333333333334e+10
  3.333333333333334e+9 3.333333333333334e+8 3.3333333333333336e+7 3.3333333333333335e+6
  3.333333333333333e+5 3.3333333333333336e+4 3.333333333333333e+3 3.333333333333333e+2
  3.3333333333333336e+1 3.3333333333333335e+0 3.333333333333333e-1 3.333333333333333e-2
  3.3333333333333335e-3 3.333333333333333e-4 3.3333333333333335e-5 3.3333333333333333e-6
  3.3333333333333335e-7 3.3333333333333334e-8 3.3333333333333334e-9 3.333333333333333e-10
  3.3333333333333335e-11 3.333333333333333e-12 3.3333333333333334e-13 3.3333333333333334e-14
  3.3333333333333332e-15 3.333333333333333e-16 3.3333333333333335e-17 3.3333333333333333e-18
  3.3333333333333334e-19 3.333333333333333e-20 3.3333333333333333e-21 3.333333333333333e-22
  3.3333333333333333e-23 3.3333333333333334e-24 3.3333333333333335e-25 3.333333333333333e-26
  3.333333333333333e-27 3.3333333333333338e-28
`;
const others = `
  1e+1 5e+0 5e-1 5e-2 5e-3 5e-4 5e-5 5e-6 5e-7 5e-8 5e-9 5.06e-6 5.006e-6 5.0006e-6 5.00006e-6
  5.000006e-6 5.0000006e-6 5.00000006e-6 5.000000006e-6 5.0000000006e-6 5.00000000006e-6
  5.000000000006e-6 5.0000000000006e-6 5.00000000000006e-6 5.000000000000006e-6 5e-6 1e+0 -1e+0
  -9.999999999999993e-1 -9.999999999999994e-1 9.999999999999993e-1 9.999999999999994e-1
  9.999999999999996e-1 9.999999999999998e-1 -9.999999999999999e-1 -9.999999999999999e-1
  9.999999999999999e-1 9.999999999999999e-1 2.9999999999999993e-1 3e-1 3.0000000000000004e-1
  2.2250738585072014e-308 2.2250738585072e-308 2.225073858507201e-308 1.7976931348623157e+308
  -1.7976931348623157e+308 9.007199254740992e+15 -9.007199254740992e+15 2.9514790517935283e+20
  9.999999999999997e+22 1e+23 1.0000000000000001e+23 9.999999999999997e+20 9.999999999999999e+20 1e+21
  9.999999999999997e-7 1e-6 3.333333333333332e+8 3.3333333333333325e+8 3.333333333333333e+8
  3.333333333333334e+8 3.3333333333333343e+8 -3.3333333333333333e-6 1.4249539237812062e+15
`;

function* streamNumbers(): Generator<number> {
  const toNumbers = (text: string): number[] => text.trim().split(/\s+/).map(Number);
  yield* [0, -0, 5e-324, -5e-324];
  yield* toNumbers(thirds).map((number) => -number);
  yield* toNumbers(thirds);
  yield* toNumbers(others);
  const double = new DataView(new ArrayBuffer(8));
  for (let i = 0n; i < 2000n; i++) {
    double.setBigUint64(0, 0x0010000000000000n + i);
    yield double.getFloat64(0);
  }
  let block = Buffer.alloc(32);
  for (;;) {
    block = createHash('sha256').update(block).digest();
    for (let at = 0; at < 32; at += 8) {
      const number = block.readDoubleLE(at);
      if (Number.isFinite(number) && number !== 0) yield number;
    }
  }
}

function hexOfDouble(number: number): string {
  const double = new DataView(new ArrayBuffer(8));
  double.setFloat64(0, number);
  return double.getBigUint64(0).toString(16);
}

/** The text of any double: those that the protocol refuses are refused by `canonicalText`, and written by the engine. */
function textOf(number: number): string {
  if (!isUnsafeInteger(number)) return canonicalText(number);
  expect(() => canonicalText(number)).toThrow(CanonError);
  return String(number);
}

test('writes the first 100,000 numbers of the RFC 8785 number stream to the published hashes', () => {
  const published = new Map([
    [1_000, 'be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687'],
    [10_000, 'b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892'],
    [100_000, '22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7'],
  ]);
  const hash = createHash('sha256');
  const got = new Map<number, string>();
  const misread: number[] = [];
  let lines = 0;
  for (const number of streamNumbers()) {
    const text = textOf(number);
    if (!isUnsafeInteger(number) && parseStrict(utf8(text)) !== number) misread.push(number);
    hash.update(`${hexOfDouble(number)},${text}\n`);
    if (published.has(++lines)) got.set(lines, hash.copy().digest('hex'));
    if (lines === 100_000) break;
  }
  expect(got).toEqual(published);
  expect(misread).toEqual([]);
});
