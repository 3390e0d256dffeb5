import { describe, expect, test } from 'vitest';
import { TargetError } from './errors.ts';
import { formatHandoff } from './handoff.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('formatHandoff', () => {
  test('ends with an empty line and escapes what a line cannot carry', () => {
    const handed = formatHandoff([
      { variable: 'A', value: bytes('one\ntwo') },
      { variable: 'B', value: bytes('back\\slash') },
    ]);
    expect(new TextDecoder().decode(handed)).toBe('A=one\\0012two\nB=back\\0134slash\n\n');
  });

  test('refuses a NUL without repeating the secret', () => {
    const hand = () => formatHandoff([{ variable: 'A', value: bytes('s3cret\u0000') }]);
    expect(hand).toThrow(TargetError);
    expect(hand).not.toThrow(/s3cret/);
  });
});
