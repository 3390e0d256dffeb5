import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical-json.ts';
import { elementBytes, memberBytes } from './canonical-slices.ts';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);
/** Values that have a canonical form: numbers that are safe, strings that are well formed. */
const value = fc
  .jsonValue({ maxDepth: 5, noUnicodeString: false })
  .map((any) => JSON.parse(JSON.stringify(any).replaceAll(/\\ud[0-9a-f]{3}/g, 'x')) as unknown)
  .filter((any) => {
    try {
      canonicalBytes(any);
      return true;
    } catch {
      return false;
    }
  });

describe('a slice of canonical bytes', () => {
  it('is each member of an object, and nothing where there is none', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), fc.string(), (object, other) => {
        const bytes = canonicalBytes(object);
        for (const [name, inner] of Object.entries(object)) {
          expect(text(memberBytes(bytes, name))).toBe(text(canonicalBytes(inner)));
          const around = canonicalBytes({
            before: [object],
            inside: { [name]: inner, '"}': '}{"' },
            z: object,
          });
          if (name !== '"}')
            expect(text(memberBytes(around, 'inside', name))).toBe(text(canonicalBytes(inner)));
        }
        if (!Object.hasOwn(object, other)) expect(memberBytes(bytes, other)).toBeUndefined();
      }),
    );
  });

  it('is each element of an array', () => {
    fc.assert(
      fc.property(fc.array(value), (array) => {
        expect(elementBytes(canonicalBytes(array))?.map(text)).toEqual(
          array.map((one) => text(canonicalBytes(one))),
        );
      }),
    );
  });

  it.each([
    ['[]', []],
    ['[[]]', ['[]']],
    ['[{},[],"],",-1e+30,null]', ['{}', '[]', '"],"', '-1e+30', 'null']],
    [String.raw`["\\","\"",""]`, [String.raw`"\\"`, String.raw`"\""`, '""']],
  ])('finds the elements of %s', (array, elements) => {
    expect(elementBytes(utf8(array))?.map(text)).toEqual(elements);
  });

  it('is none of what has no members or elements', () => {
    for (const other of ['1', '"a"', 'null', '{}', '[{"a":1}]'])
      expect(memberBytes(utf8(other), 'a')).toBeUndefined();
    for (const other of ['1', '"[1]"', 'null', '{"a":[1]}'])
      expect(elementBytes(utf8(other))).toBeUndefined();
    expect(memberBytes(utf8('{"a":[{"b":1}]}'), 'a', 'b')).toBeUndefined();
    expect(memberBytes(utf8('{"ab":1,"b":2}'), 'b')).toEqual(utf8('2'));
  });

  it('is a view of the bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.string(), (garbage, name) => {
        const bytes = new Uint8Array([...utf8('{"a":'), ...garbage]);
        const found = [
          ...(elementBytes(garbage) ?? []),
          memberBytes(bytes, name),
          memberBytes(bytes, 'a', name),
        ];
        for (const one of found) expect([bytes.buffer, garbage.buffer, undefined]).toContain(one?.buffer);
      }),
    );
  });
});
