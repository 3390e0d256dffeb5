import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSpanId, spanIdFromCause, spanIdFromRandom, uuidV7 } from './span-id.ts';

const malformed = expect.objectContaining({ code: 'MALFORMED' });
const cause = 'urn:span:0193562b-9c00-7000-8000-000000000001';

test('ids made from any time and bytes are span ids in the order of their times', () => {
  const time = fc.nat({ max: 2 ** 48 - 2 });
  fc.assert(
    fc.property(time, fc.uint8Array({ minLength: 10, maxLength: 10 }), (ms, random) => {
      const id = spanIdFromRandom(ms, random);
      expect(isSpanId(id)).toBe(true);
      expect(Number.parseInt(id.slice(9, 17) + id.slice(18, 22), 16)).toBe(ms);
      expect(spanIdFromRandom(ms + 1, new Uint8Array(10)) > id).toBe(true);
    }),
  );
});

test('random bytes that come in a Buffer stay as they are', () => {
  const random = Buffer.alloc(10, 0xff);
  spanIdFromRandom(1, random);
  expect(random).toEqual(Buffer.alloc(10, 0xff));
});

test('the id of a reaction depends on nothing but its cause, service and step', () => {
  const id = spanIdFromCause(1000, cause, 'ledger', 'a');
  expect(spanIdFromCause(1000, cause, 'ledger', 'a')).toBe(id);
  const others = [
    spanIdFromCause(1000, `${cause}0`, 'ledger', 'a'),
    spanIdFromCause(1000, cause, 'gate', 'a'),
    spanIdFromCause(1000, cause, 'ledger', 'b'),
  ];
  expect(new Set([id, ...others]).size).toBe(4);
});

test('parts with a line break, which could pass for other parts, are refused', () => {
  expect(() => spanIdFromCause(1, cause, 'a\nb', 'c')).toThrow(malformed);
});

test.each([-1, 0.5, 2 ** 48, Number.NaN, Infinity])('a time of %d is refused', (ms) => {
  expect(() => uuidV7(ms, new Uint8Array(10))).toThrow(malformed);
});

test('anything but 10 random bytes is refused', () => {
  expect(() => uuidV7(1, new Uint8Array(16))).toThrow(malformed);
});

test('other urns, versions, variants and capitals are no span ids', () => {
  expect(isSpanId(cause)).toBe(true);
  for (const text of [
    cause.toUpperCase(),
    cause.slice('urn:span:'.length),
    `${cause} `,
    `${cause}\n`,
    cause.replace('-7', '-4'),
    cause.replace('-8', '-c'),
    '',
  ]) {
    expect(isSpanId(text)).toBe(false);
  }
});
