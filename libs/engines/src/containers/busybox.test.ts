import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStaticElf } from './busybox.ts';

function elf(segments: readonly number[], changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const bytes = new Uint8Array(64 + 56 * segments.length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  segments.forEach((type, at) => view.setUint32(64 + 56 * at, type, true));
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  return bytes;
}

describe('isStaticElf', () => {
  it('takes a program that asks for no linker', () => {
    expect(isStaticElf(elf([1, 1, 4]))).toBe(true);
  });
  it.each([
    ['a program that asks for one', elf([1, 3, 1])],
    ['a 32-bit program', elf([1], { 4: 1 })],
    ['a big-endian program', elf([1], { 5: 2 })],
    ['a script', new TextEncoder().encode('#!/bin/sh\n'.repeat(20))],
    ['a file without segments', elf([])],
    ['a file that was cut off', elf([1, 1]).slice(0, 100)],
    ['nothing', new Uint8Array(0)],
  ])('refuses %s', (_, bytes) => {
    expect(isStaticElf(bytes)).toBe(false);
  });
  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const bytes = elf([1]);
        bytes.set(tail.slice(0, bytes.length - 6), 6);
        expect(typeof isStaticElf(bytes)).toBe('boolean');
      }),
    );
  });
});
